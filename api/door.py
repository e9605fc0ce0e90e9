"""The door: what every request passes before a route sees it, and what every answer wears.

    request id · Host 421 · size 413 · Origin 403 · preflight · identity 401, cross-site 403 (api/auth.py) · rate 429

Host is checked against DNS rebinding: a page elsewhere can make its own name lead to this machine, but not change the
name. An address written in numbers cannot be rebound, so a server that listens everywhere takes any of those.
An Origin is ours when it names the host the request was sent to, or when the operator listed it.
"""

import re
import socket
import uuid
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Request

from api.auth import SAFE_METHODS, SOCKET_PATH, Authenticator, init_auth
from api.door_headers import add_cors, add_security_headers, preflight_answer
from api.limits import init_limits
from shared import logs
from shared.domain.errors import Forbidden, ForgelineError, PayloadTooLarge
from shared.settings import Settings

MAX_BODY_BYTES = 64 * 1024

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound


class Door:
    """Says which Hosts and Origins may come in; asked by Flask's routes and by the WebSocket's upgrade alike."""

    def __init__(self, settings: Settings) -> None:
        self._origins = frozenset(settings.allowed_origins)
        self._names = frozenset(name.lower() for name in (*settings.allowed_hosts, *_own_names(settings)))
        self._numbers_too = not settings.allowed_hosts and settings.host in _EVERYWHERE
        self.knows_host = lru_cache(maxsize=256)(self._knows_host)

    def refusal(self, asking: Request) -> ForgelineError | None:
        """Return why this request may not come in, None when it may."""
        if not self.knows_host(asking.headers.get("Host", "")):
            return Forbidden(status=421)
        if (asking.content_length or 0) > MAX_BODY_BYTES:
            return PayloadTooLarge()
        guarded = asking.method not in SAFE_METHODS or asking.path == SOCKET_PATH
        if guarded and not self.knows_origin(asking):
            return Forbidden()
        return None

    def _knows_host(self, host: str) -> bool:
        """Tell whether a Host header names this server; a port counts only where the operator wrote one."""
        name, port = _name_and_port(host)
        if name is None:
            return False
        shown = f"[{name}]" if ":" in name else name
        ways = (name, shown, f"{shown}:{port}")
        if {*ways, "*"} & self._names or any(_is_below(way, entry) for way in ways for entry in self._names):
            return True
        return self._numbers_too and _is_number(name)

    def knows_origin(self, asking: Request) -> bool:
        """Tell whether a request comes from our own page, from a listed one, or from no browser at all."""
        origin = asking.headers.get("Origin")
        return origin is None or self.lists_origin(origin) or _is_same_host(origin, asking.headers.get("Host", ""))

    def lists_origin(self, origin: str | None) -> bool:
        """Tell whether the operator listed this Origin in ALLOWED_ORIGINS."""
        return origin is not None and origin.lower() in self._origins

    @property
    def answers_other_origins(self) -> bool:
        """Whether CORS is on."""
        return bool(self._origins)


def init_door(app: Flask, settings: Settings, authenticator: Authenticator, redis_url: str | None) -> Door:
    """Put the door in front of every route of `app`."""
    door = Door(settings)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.extensions["forgeline_door"] = door
    app.before_request(_begin)
    app.before_request(lambda: _come_in(door))
    init_auth(app, authenticator)
    init_limits(app, settings, redis_url)
    app.after_request(_dress(door))
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        wrapped: Any = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count, x_port=0, x_prefix=0)
        app.wsgi_app = wrapped  # type: ignore[method-assign]  # Flask's own way to add a middleware
    return door


def _begin() -> None:
    asked = request.headers.get("X-Request-Id", "")
    g.request_id = asked if _REQUEST_ID.fullmatch(asked) else uuid.uuid4().hex
    logs.only(request_id=g.request_id)


def _come_in(door: Door) -> Response | None:
    refusal = door.refusal(request)
    if refusal is not None:
        raise refusal
    return preflight_answer(request) if door.lists_origin(request.headers.get("Origin")) else None


def _dress(door: Door) -> Callable[[Response], Response]:
    def dress(answer: Response) -> Response:
        if "request_id" not in g:
            _begin()
        answer.headers["X-Request-Id"] = g.request_id
        add_security_headers(answer, request, host_is_known=door.knows_host(request.headers.get("Host", "")))
        if door.answers_other_origins:
            add_cors(answer, request, listed=door.lists_origin(request.headers.get("Origin")))
        return answer

    return dress


def _own_names(settings: Settings) -> Iterable[str]:
    if settings.host in _EVERYWHERE:
        return (*_LOOPBACK_NAMES, socket.gethostname())
    return (*_LOOPBACK_NAMES, settings.host)


def _name_and_port(host: str) -> tuple[str | None, str]:
    """Split a Host header into a lower-case name without brackets, and a port; (None, "") for anything else."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?", host)
    return (found[1].strip("[]").lower().rstrip("."), found[2] or "") if found else (None, "")


def _is_below(name: str, entry: str) -> bool:
    """`*.example.com` and `.example.com` stand for every name below example.com, `*.example.com:8443` on that port."""
    return entry.startswith((".", "*.")) and name.endswith(entry.lstrip("*"))


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_same_host(origin: str, host: str) -> bool:
    """Tell whether an Origin names `host`; the scheme may differ, as it does behind a proxy that ends TLS."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return False
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return parts.netloc.lower().removesuffix(usual) == host.lower().removesuffix(usual)
