"""`/ws`: the upgrade, and who asks. Everything after it is the relay's.

Host and Origin are checked before, for every route. A bad token is answered after the upgrade, by a close code, since a
browser cannot see the status of a refused one.

Flask-Sock does the upgrade inside the request; the socket is served after Flask has let go of the request, so that an
idle socket costs neither Flask's contexts nor the request's headers.
"""

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Protocol

from flask import Flask, Request, current_app, request
from flask_sock import Sock
from werkzeug.exceptions import HTTPException

from api.auth import SOCKET_PATH
from api.relay.connection import BUSY, INTERNAL, UNAUTHENTICATED, Close, Link
from api.relay.ports import Feed, TokenReader
from api.relay.relay import Relay
from api.relay.room import Room
from shared.domain.errors import ForgelineError, InvalidRequest, Unauthenticated
from shared.domain.identity import Identity
from shared.settings import Settings

log = logging.getLogger(__name__)

VERSION = "13"
EXTENSION = "forgeline.relay"
UPGRADED = "forgeline.upgraded"

Environ = dict[str, Any]
Application = Callable[..., Iterable[bytes]]


class Authenticator(TokenReader, Protocol):
    """Who a request comes from."""

    def from_request(self, asking: Request) -> Identity | None:
        """Return the identity, None for a request without a token; raises Unauthenticated for a bad one."""


class NoThread:
    """In the place of simple-websocket's reader thread: the handler's own greenlet reads."""

    def __init__(self, target: Any) -> None:
        self.name = ""

    def start(self) -> None:
        """Start nothing."""


class NoEvent:
    """In the place of the event its reader thread would set."""

    def set(self) -> None:
        """Wake nobody."""


class OtherVersion(HTTPException):
    """A handshake in another version of the protocol; the answer names ours."""

    code = HTTPStatus.UPGRADE_REQUIRED

    def get_headers(self, *_: Any, **__: Any) -> list[tuple[str, str]]:
        """Return what tells which protocol, and which version of it, is spoken here."""
        return [("Upgrade", "websocket"), ("Sec-WebSocket-Version", VERSION)]


class SocketsLater:
    """Serves an upgraded socket once the application has let go of its request."""

    def __init__(self, application: Application, relay: Relay) -> None:
        self._application = application
        self._relay = relay

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request; gunicorn is told by StopIteration that its socket has been used up."""
        try:
            answer = self._application(environ, start_response)
        except StopIteration:
            answer = None  # and the exception is let go, with the frames its traceback holds
        upgraded = environ.pop(UPGRADED, None)
        if upgraded is not None:
            environ.clear()
            self._relay.serve(*upgraded)
        if answer is None:
            raise StopIteration
        return answer


def init_relay(app: Flask, *, settings: Settings, redis_url: str, feed: Feed, authenticator: Authenticator) -> Relay:
    """Add `/ws` to `app` and return its relay, which connects to nothing before `start` or its first socket."""
    room = Room(
        feed=feed,
        tokens=authenticator,
        auth_mode=settings.auth_mode,
        sockets_per_user=settings.sockets_per_user,
        socket_buffer=settings.socket_buffer,
    )
    relay = Relay(room, redis_url=redis_url, feed=feed, processes=settings.api_processes)
    app.extensions[EXTENSION] = relay
    app.config["SOCK_SERVER_OPTIONS"] = {"thread_class": NoThread, "event_class": NoEvent}
    app.before_request(_prepare_upgrade)
    later: Any = SocketsLater(app.wsgi_app, relay)
    app.wsgi_app = later  # type: ignore[method-assign]  # Flask's own way to add a middleware

    def websocket(upgraded: Any) -> None:
        """Leave the socket for later; Flask-Sock does not close one that says it is not connected."""
        request.environ[UPGRADED] = Link(upgraded.sock, upgraded.ws.connection), _who(authenticator)
        upgraded.connected = False

    Sock(app).route(SOCKET_PATH, endpoint="websocket")(websocket)
    return relay


def is_draining() -> bool:
    """Tell whether this process is about to end: who waits for something should answer now."""
    relay: Relay | None = current_app.extensions.get(EXTENSION)
    return relay is not None and bool(relay.draining.is_set())


def _who(authenticator: Authenticator) -> Identity | Close | None:
    """Return the identity, None for one that will tell, or the close that refuses."""
    try:
        return authenticator.from_request(request)
    except Unauthenticated:
        return UNAUTHENTICATED
    except ForgelineError as error:
        log.warning("nobody can be authenticated: %s", error)
        return BUSY
    except Exception:
        log.exception("authentication failed")
        return INTERNAL


def _prepare_upgrade() -> None:
    """Refuse what is no handshake (RFC 6455 4.2.1), and never negotiate compression (200 KB a socket)."""
    environ = request.environ
    if request.path != SOCKET_PATH or "HTTP_UPGRADE" not in environ:
        return
    environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
    version, key = environ.get("HTTP_SEC_WEBSOCKET_VERSION"), environ.get("HTTP_SEC_WEBSOCKET_KEY")
    if request.method != "GET" or environ["SERVER_PROTOCOL"] < "HTTP/1.1" or not version or not key:
        raise InvalidRequest(status=400)
    if version != VERSION:
        raise OtherVersion
