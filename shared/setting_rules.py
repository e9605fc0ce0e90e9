"""What single values of the settings may look like; each rule takes the text and returns the value, or refuses it."""

import ipaddress
import json
import re
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from shared.domain.callbacks import names_a_host, signing_key

#: `120/minute`, `10 per 5 seconds`, several of them separated: what the `limits` library reads.
RATE = re.compile(r"[1-9]\d*\s*(?:/|per)\s*\d*\s*(?:second|minute|hour|day|month|year)s?", re.IGNORECASE)

#: The addresses that every one of their readers takes alike: SQLAlchemy, libpq, redis-py, kombu, Flower.
_LOGIN, _PLACE = r"(?:[^/@?#\[\]]*@)?", r"(?:\[[^\]\s]+\]|[^/@:,?#\[\]\s]+)(?::\d{1,5})?"
POSTGRES = re.compile(rf"(?:postgres|postgresql|postgresql\+psycopg2)://{_LOGIN}(?:{_PLACE})?(?:/[^?#]*)?(?:\?.*)?")
REDIS = re.compile(rf"rediss?://{_LOGIN}(?:{_PLACE})?(?:/\d*)?(?:\?.*)?")
SENTINEL = re.compile(rf"sentinel://{_LOGIN}{_PLACE}(?:,{_PLACE})*/[^/?#]+(?:/\d*)?")
ENCODED = " (what a password has of / @ ? # [ ] is written %2F %40 %3F %23 %5B %5D)"
#: What is longer (30 years, in seconds) or more than this is for ever, or any number: PostgreSQL's moments, Python's
#: waits and most readers of a whole number go no further.
FOREVER, COUNTLESS = 1e9, 2**31 - 1
#: RFC 7518 asks HS256 for a key as long as its hash; a shorter one is used, and said to be short.
MIN_SECRET_BYTES = 32
SHORT_SECRET = f"JWT_SECRET is short; use {MIN_SECRET_BYTES} bytes or more"
#: Python's own names of them, as Celery's documentation has them, are not known to redis-py.
CERTIFICATE_CHECK = re.compile(r"ssl_cert_reqs=(?!(?:required|optional|none)(?:&|$))")


def refuse(why: str) -> PydanticCustomError:
    """A fault whose whole text is `why`."""
    return PydanticCustomError("setting", "{why}", {"why": why})


def lower(value: object) -> object:
    """Words are the same in any case."""
    return value.lower() if isinstance(value, str) else value


def split_list(value: object) -> object:
    """`a, b` becomes (`a`, `b`)."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def forever_at_most(amount: float) -> float:
    """The amount, or FOREVER where it is more."""
    return min(amount, FOREVER)


def countless_at_most(number: int) -> int:
    """The number, or COUNTLESS where it is more."""
    return min(number, COUNTLESS)


def whole_path(path: Path) -> Path:
    """The absolute path; `~` is the home folder."""
    try:
        return path.expanduser().resolve()
    except RuntimeError:  # the home of nobody known
        raise refuse("names the home folder of a user who has none here") from None


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listening_host(host: str) -> str:
    """A name or an address; one of IPv6 may stand in brackets, as in a URL."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def web_url(url: str) -> str:
    """An http(s) address without its trailing slash."""
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", url) or not _has_a_port(url):
        raise refuse("not an http:// or https:// address")
    return url.rstrip("/")


def base_url(url: str) -> str:
    """An http(s) address that routes can be put behind, without its trailing slash."""
    if re.search("[?#]", url):
        raise refuse("not an http:// or https:// address without ? and #")
    return web_url(url)


def without_credentials(url: str) -> str:
    """An address as it may be shown: its user and password are left out."""
    parts = _split(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def origin(url: str) -> str:
    """scheme://host[:port] as a browser sends it: the usual port is left out."""
    parts = _split(web_url(url))
    if parts.path or re.search(r"[*@?#]", url):
        raise refuse(f"{url} is not an origin (scheme://host:port)")
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.removesuffix(usual)}".lower()


def postgres_url(url: str | None) -> str | None:
    """An address of a PostgreSQL database."""
    if url is not None and not (POSTGRES.fullmatch(url) and _has_a_port(url)):
        raise refuse(f"not a postgresql://user:password@host:port/database address{ENCODED}")
    return url


def redis_url(url: str | None) -> str | None:
    """An address of a Redis, with TLS or through Sentinel."""
    if url is None or SENTINEL.fullmatch(url):
        return url
    if not (REDIS.fullmatch(url) and _has_a_port(url)):
        raise refuse(f"neither redis(s)://user:password@host:port/number nor sentinel://host:port,…/MASTER{ENCODED}")
    if CERTIFICATE_CHECK.search(url):
        raise refuse("ssl_cert_reqs is none of required, optional, none")
    return url


def host_name(name: str) -> str:
    """A host, perhaps with a port or a `*`; no address."""
    if re.search(r"[/@\s]", name):
        raise refuse(f"{name} is not a host name (host, host:port or *.domain, without http://)")
    return name


def callable_host(entry: str) -> str:
    """A host to which callbacks may go, `http://` before it for one without TLS."""
    host = re.sub("^https?://", "", entry)
    if re.search(r"[/@\s]", host) or not names_a_host(entry):
        raise refuse(
            f"{entry} names no host to call (host, host:port, [IPv6 address], http:// before it for plain http)"
        )
    return entry


def is_short(secret: str) -> bool:
    """Tell whether a JWT_SECRET is shorter than it should be."""
    return len(secret.encode()) < MIN_SECRET_BYTES


def webhook_secret(secret: str | None) -> str | None:
    """A signing key: any text, or `whsec_` and base64."""
    try:
        signing_key(secret or "")
    except ValueError:
        raise refuse("after whsec_ stands no key in base64") from None
    return secret


def user_and_password(pair: str | None) -> str | None:
    """`user:password`."""
    if pair is not None and not all(pair.partition(":")):
        raise refuse("not user:password")
    return pair


def public_key(text: str | None) -> str | None:
    """A public key that tokens can be checked with, or the path of one."""
    if text:
        from shared.public_key import read_public_key

        read_public_key(text)
    return text


def page_url(url: str | None) -> str | None:
    """A page on this server (`/…`) or on another."""
    if url is not None and not url.startswith("/"):
        web_url(url)
    return url


def json_value(value: object) -> object:
    """What the JSON text says."""
    try:
        return json.loads(value, parse_constant=_no_constant) if isinstance(value, str) else value
    except ValueError:
        raise refuse("not a JSON object") from None


def rate_limit(text: str) -> str:
    """A rate such as `120/minute`."""
    if not all(RATE.fullmatch(part.strip()) for part in re.split("[,;|]", text)):
        raise refuse("not a rate such as 120/minute")
    return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _has_a_port(url: str) -> bool:
    """Tell whether the address names a port that there is, or leaves it out."""
    try:
        return _split(url).port != 0
    except ValueError:
        return False


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise refuse("not an address") from None


ForeverAtMost = AfterValidator(forever_at_most)
CountlessAtMost = AfterValidator(countless_at_most)
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), ForeverAtMost]
PositiveOrZero = Annotated[float, Field(ge=0, allow_inf_nan=False), ForeverAtMost]
Positive = Annotated[int, Field(ge=1), CountlessAtMost]
NotNegative = Annotated[int, Field(ge=0), CountlessAtMost]
CallableHosts = Annotated[tuple[Annotated[str, AfterValidator(callable_host)], ...], BeforeValidator(split_list)]
Hosts = Annotated[tuple[Annotated[str, AfterValidator(host_name)], ...], BeforeValidator(split_list)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(origin)], ...], BeforeValidator(split_list)]
Waits = Annotated[tuple[Seconds, ...], BeforeValidator(split_list)]
WebUrl = Annotated[str, AfterValidator(web_url)]
BaseUrl = Annotated[str, AfterValidator(base_url)]
JsonObject = Annotated[dict[str, Any], BeforeValidator(json_value)]
Secret = Annotated[str | None, Field(repr=False)]
Word = BeforeValidator(lower)
