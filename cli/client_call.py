"""One call of the API by the client: the answer, or a refusal in words for a person."""

from http import HTTPStatus
from ssl import SSLCertVerificationError, SSLEOFError, SSLZeroReturnError
from typing import Any
from urllib.parse import urlsplit

import requests
from click import ClickException
from requests.auth import AuthBase
from requests.exceptions import ChunkedEncodingError, ConnectionError, ConnectTimeout, ProxyError, SSLError, Timeout
from urllib3.exceptions import NameResolutionError, NewConnectionError

from shared.domain.errors import ErrorCode
from shared.setting_rules import is_loopback

Json = dict[str, Any]

#: What a server, or a proxy before it, answers that is not ready again yet.
NOT_READY = frozenset({502, 503, 504})
#: OpenSSL's names, the older and the newer, for an answer that is no TLS at all.
NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"})
#: What ssl says of one end that closes amid the handshake: which, is a matter of moments.
HUNG_UP = (SSLEOFError, SSLZeroReturnError)
SIGN_IN = (
    "FORGELINE_TOKEN must hold a token that the server takes; where JWT_SECRET is set, `forgeline token` makes one"
)


class Refused(ClickException):
    """The server said no, or was not there; the text is for a person."""


class Lost(Refused):
    """No answer came, or one that says that the server is not ready; the same question may be answered soon."""


class NobodyThere(Lost):
    """No connection was made, so nothing was sent."""


class NotThere(Refused):
    """The server knows no such thing, or will not tell."""


class Bearer(AuthBase):
    """Sends the token; as `auth`, so that no .netrc takes its place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def session_for(url: str, token: str | None) -> requests.Session:
    """Return what keeps the connections to the server, and shows it the token."""
    session = requests.Session()
    session.trust_env = not is_loopback(urlsplit(url).hostname or "")  # no proxy to this machine
    session.auth = Bearer(token) if token else None
    return session


def call(session: requests.Session, method: str, url: str, path: str, **options: Any) -> requests.Response:
    """Call `path` of the server at `url`; raises Refused, Lost where the same may be answered soon."""
    try:
        answer = session.request(method, f"{url}{path}", **options)
    except (ConnectionError, Timeout, ChunkedEncodingError) as error:
        raise _no_answer(error, url) from error
    except (requests.RequestException, ValueError) as error:
        raise Refused(f"this cannot be sent to {url}: {error}") from error
    if not answer.ok:
        raise _refusal(answer, url)
    return answer


def document(answer: requests.Response, url: str) -> Json:
    """Return the document of an answer; raises Refused if it holds none."""
    try:
        told: Json = answer.json()
    except ValueError as error:
        raise Refused(f"{url} does not speak as Forgeline does") from error
    return told


def _no_answer(error: requests.RequestException, url: str) -> Refused:
    """Return why no answer came: the reason alone, without the names of the classes that carried it."""
    reason = _reason(error)
    if isinstance(error, SSLError) and not isinstance(_first(reason), HUNG_UP):
        return Refused(_tls_fault(_first(reason), url))
    if isinstance(reason, NameResolutionError):
        why = getattr(reason.__cause__, "strerror", None) or "it does not resolve"
        return NobodyThere(f"the name {urlsplit(url).hostname} is not known: {why}; FORGELINE_URL names another server")
    never_sent = isinstance(error, (ConnectTimeout, ProxyError)) or isinstance(reason, NewConnectionError)
    kind = NobodyThere if never_sent else Lost  # Lost is also who hangs up amid the handshake: its server restarts
    return kind(f"nothing answers at {url}: `make run` starts it; FORGELINE_URL names another")


def _tls_fault(fault: object, url: str) -> str:
    if isinstance(fault, SSLCertVerificationError):
        return f"the certificate of {url} is not trusted: {fault.verify_message.rstrip('.')}"
    told = getattr(fault, "reason", None)
    if told in NO_TLS:
        return f"{url} speaks no TLS; is http:// meant in FORGELINE_URL?"
    return f"no TLS can be agreed on with {url}: {told.replace('_', ' ').lower() if told else fault}"


def _first(reason: object) -> object:
    """Return what urllib3's exception was made of: the fault as ssl told it."""
    causes: tuple[object, ...] = getattr(reason, "args", ())
    return causes[0] if causes else reason


def _reason(error: requests.RequestException) -> object:
    """Return why it failed; urllib3 wraps the reason, requests the wrapper."""
    wrapped = error.args[0] if error.args else None
    return getattr(wrapped, "reason", wrapped)


def _refusal(answer: requests.Response, url: str) -> Refused:
    told = f"{answer.status_code} {answer.reason}"
    problem = _problem(answer)
    if answer.status_code in NOT_READY:
        return Lost(_why(problem) or told)
    if problem.get("code") == ErrorCode.NOT_FOUND:
        return NotThere(_why(problem))
    return Refused(_why(problem) or f"{url} does not speak as Forgeline does: {told}")


def _problem(answer: requests.Response) -> Json:
    """Return the problem document; an empty one, if somebody else answered: a proxy, or Forge itself."""
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) and "code" in problem else {}


def _why(problem: Json) -> str:
    faults = [f"  {fault['field']}: {fault['message']}" for fault in problem.get("errors") or []]
    told = problem.get("title") if faults else problem.get("detail")  # the detail tells the faults, too
    hints = [f"  {SIGN_IN}"] if problem.get("status") == HTTPStatus.UNAUTHORIZED else []
    return "\n".join([str(told or problem.get("title") or ""), *faults, *hints])
