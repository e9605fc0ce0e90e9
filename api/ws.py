"""`/ws`: the upgrade, and who asks. Everything after it is the relay's.

Host and Origin are checked before, for every route. A bad token is answered after the upgrade, by a close code, since a
browser cannot see the status of a refused one.
"""

import logging
from typing import Any, Protocol

from flask import Flask, Request, request
from flask_sock import Sock

from api.relay.ports import Feed, TokenReader
from api.relay.relay import Relay
from api.relay.room import Room
from shared.domain.errors import InvalidRequest, Unauthenticated
from shared.domain.identity import Identity
from shared.settings import Settings

log = logging.getLogger(__name__)

PATH = "/ws"
EXTENSION = "forgeline.relay"


class Authenticator(TokenReader, Protocol):
    """Who a request comes from."""

    def from_request(self, request: Request) -> Identity | None:
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


def init_relay(app: Flask, *, settings: Settings, redis_url: str, feed: Feed, authenticator: Authenticator) -> Relay:
    """Add `/ws` to `app` and return its relay, which connects to nothing before `start` or its first socket."""
    room = Room(
        feed=feed,
        tokens=authenticator,
        auth_mode=settings.auth_mode,
        sockets_per_user=settings.sockets_per_user,
        socket_buffer=settings.socket_buffer,
    )
    relay = Relay(room, redis_url=redis_url, feed=feed)
    app.extensions[EXTENSION] = relay
    app.config["SOCK_SERVER_OPTIONS"] = {"thread_class": NoThread, "event_class": NoEvent}
    app.before_request(_prepare_upgrade)
    sock = Sock(app)

    def websocket(upgraded: Any) -> None:
        """Serve one socket."""
        identity, refused = _who(authenticator)
        relay.serve(upgraded, identity, refused=refused)

    sock.route(PATH, endpoint="websocket")(websocket)
    return relay


def _who(authenticator: Authenticator) -> tuple[Identity | None, bool]:
    try:
        return authenticator.from_request(request), False
    except Unauthenticated:
        return None, True


def _prepare_upgrade() -> None:
    """Refuse an upgrade that wsproto would choke on, and never negotiate compression (200 KB a socket)."""
    if request.path != PATH or "HTTP_UPGRADE" not in request.environ:
        return
    request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
    if request.headers.get("Sec-WebSocket-Version") != "13" or not request.headers.get("Sec-WebSocket-Key"):
        raise InvalidRequest
