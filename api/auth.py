"""Who asks, and whether that suffices.

    local   everyone is the user `local` with role admin; no token is needed or read
    jwt     `Authorization: Bearer`, or the session cookie that POST /session made of such a token; never the URL

A credential a browser sends by itself (the cookie; in local mode simply being there) is only good for a request of our
own page: an unsafe method from another site is refused by its Sec-Fetch-Site header. Requests with neither that header
nor an Origin come from no browser.
"""

import hmac
from datetime import UTC, datetime
from typing import cast

from flask import Flask, Response, g, request
from werkzeug.wrappers import Request

from api.auth_keys import TokenKeys
from api.auth_tokens import TokenVerifier
from api.peer import address_of
from shared.domain.errors import CsrfRefused, Forbidden, Unauthenticated
from shared.domain.identity import LOCAL_IDENTITY, Identity
from shared.logs import get_logger
from shared.settings import Settings

log = get_logger(__name__)

#: Some reasons quote the token's header, which anybody may write.
MAX_REASON_CHARS = 120

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

SESSION_COOKIE = "forgeline_session"
#: Over TLS a browser takes this name only with Secure, for this very host: no neighbour can plant it.
SECURE_SESSION_COOKIE = f"__Host-{SESSION_COOKIE}"
#: A browser drops a cookie whose name and value are longer than 4,096 bytes, without a word.
MAX_SESSION_TOKEN_CHARS = 4096 - len(SECURE_SESSION_COOKIE)

SOCKET_PATH = "/ws"

#: Open to everyone. `/session`, `/metrics` and the socket look at credentials themselves.
PUBLIC_PATHS = frozenset(
    {
        "/",
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/docs",
        "/images/placeholder.svg",
        "/session",
        "/metrics",
        SOCKET_PATH,
    }
)
PUBLIC_FOLDER = "/assets/"

_FORWARDING = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")


class Authenticator:
    """Tells who a request or a token belongs to, as AUTH_MODE says."""

    def __init__(self, settings: Settings) -> None:
        self.mode = settings.auth_mode
        self._verifier = TokenVerifier(settings, TokenKeys(settings)) if self.mode == "jwt" else None

    def from_request(self, asking: Request) -> Identity | None:
        """Return who asks, None when no credential came; raises Unauthenticated when a bad one did."""
        if self._verifier is None:
            return LOCAL_IDENTITY
        token = bearer_of(asking) or _cookie_of(asking)
        return self.from_token(token) if token else None

    def from_token(self, token: str) -> Identity:
        """Return whose token this is; raises Unauthenticated. In local mode everyone is `local`."""
        if self._verifier is None:
            return LOCAL_IDENTITY
        try:
            return self._verifier.identity_of(token)
        except Unauthenticated as error:
            log.info("a token was refused", reason=str(error.__cause__ or error)[:MAX_REASON_CHARS])
            raise

    def is_ambient(self, asking: Request) -> bool:
        """Tell whether a browser would have sent this credential by itself, from any page."""
        return self._verifier is None or not bearer_of(asking)


def init_auth(app: Flask, authenticator: Authenticator) -> None:
    """Let nobody without an identity past the public routes; `g.identity` says who asks."""

    def authenticate() -> None:
        if is_public(request.path) or _is_preflight(request):
            return
        identity = authenticator.from_request(request)
        if identity is None:
            raise Unauthenticated
        g.identity = identity
        refuse_cross_site(request, authenticator)

    app.before_request(authenticate)


def current_identity() -> Identity:
    """Return who asks, on any route that is not public."""
    return cast(Identity, g.identity)


def require_admin() -> Identity:
    """Return who asks; raises Forbidden unless an admin."""
    identity = current_identity()
    if not identity.is_admin:
        raise Forbidden
    return identity


def is_public(path: str) -> bool:
    """Tell whether a path is open to everyone."""
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_FOLDER)


def refuse_cross_site(asking: Request, authenticator: Authenticator) -> None:
    """Raise CsrfRefused for an unsafe request that another site made a browser send.

    A foreign Origin was refused at the door already; an allowed one is trusted whatever Sec-Fetch-Site says.
    """
    if asking.method in SAFE_METHODS or asking.headers.get("Origin") or not authenticator.is_ambient(asking):
        return
    if asking.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        raise CsrfRefused


def may_read_metrics(asking: Request, settings: Settings, authenticator: Authenticator) -> bool:
    """Tell whether /metrics answers: from loopback without a proxy between, with METRICS_TOKEN, or to an admin."""
    if _comes_from_this_machine(asking):
        return True
    bearer = bearer_of(asking)
    if settings.metrics_token and bearer and _same_secret(bearer, settings.metrics_token):
        return True
    identity = authenticator.from_request(asking)
    if identity is None:
        raise Unauthenticated
    return identity.is_admin


def bearer_of(asking: Request) -> str | None:
    """Return the token of an `Authorization: Bearer` header; another scheme is not ours to judge."""
    scheme, _, token = asking.headers.get("Authorization", "").partition(" ")
    return (token.strip() or "-") if scheme.lower() == "bearer" else None


def set_session_cookie(answer: Response, token: str, identity: Identity, *, secure: bool) -> None:
    """Give the browser the token in a cookie that ends with it (with the browser's session when it never does)."""
    left = identity.expires_at - datetime.now(UTC) if identity.expires_at else None
    answer.set_cookie(
        SECURE_SESSION_COOKIE if secure else SESSION_COOKIE,
        token,
        max_age=max(0, int(left.total_seconds())) if left is not None else None,
        path="/",
        secure=secure,
        httponly=True,
        samesite="Lax",
    )


def clear_session_cookie(answer: Response, *, secure: bool) -> None:
    """Make the browser forget the cookie, under both its names."""
    answer.delete_cookie(SESSION_COOKIE, path="/", secure=secure, httponly=True, samesite="Lax")
    if secure:
        answer.delete_cookie(SECURE_SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="Lax")


def _cookie_of(asking: Request) -> str | None:
    return asking.cookies.get(SECURE_SESSION_COOKIE if asking.is_secure else SESSION_COOKIE)


def _is_preflight(asking: Request) -> bool:
    return asking.method == "OPTIONS" and "Access-Control-Request-Method" in asking.headers


def _comes_from_this_machine(asking: Request) -> bool:
    if any(name in asking.headers for name in _FORWARDING):
        return False
    before_proxies = asking.environ.get("werkzeug.proxy_fix.orig", {}).get("REMOTE_ADDR")
    address = address_of(before_proxies or asking.remote_addr or "")
    return address is not None and address.is_loopback


def _same_secret(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
