"""The headers every answer wears, and what a browser on a listed origin is told.

The page loads nothing from elsewhere, so the policy allows nothing from elsewhere: no inline script, no inline style,
no frame. A route that needs something else of this (the documentation's style sheet) sets that header itself.
"""

from functools import lru_cache

from flask import Response
from werkzeug.wrappers import Request

CONTENT_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
STRICT_TRANSPORT = "max-age=31536000"

CORS_METHODS = "GET, HEAD, POST, DELETE"
CORS_ASKED = "Accept-Language, Authorization, Content-Type, Idempotency-Key, X-Request-Id"
CORS_SHOWN = (
    "Content-Disposition, ETag, Location, Retry-After, X-Request-Id, "
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
)
PREFLIGHT_LIFESPAN_S = 600


def content_policy(**changed: str) -> str:
    """Return the Content-Security-Policy with some directives changed (`style_src="…"`)."""
    policy = CONTENT_POLICY | {name.replace("_", "-"): value for name, value in changed.items()}
    return "; ".join(f"{name} {value}" for name, value in policy.items())


def add_security_headers(answer: Response, asking: Request, *, host_is_known: bool) -> None:
    """Add what a route has not set itself; older Safari needs the socket's address spelled out in the policy."""
    sources = f"'self' {'wss' if asking.is_secure else 'ws'}://{asking.host}" if host_is_known else "'self'"
    wanted = {"Content-Security-Policy": _policy_of(sources), **SECURITY_HEADERS}
    if asking.is_secure:
        wanted["Strict-Transport-Security"] = STRICT_TRANSPORT
    if answer.status_code == 401:
        wanted["WWW-Authenticate"] = "Bearer"
    if answer.mimetype in ("application/json", "application/problem+json"):
        wanted["Cache-Control"] = "no-store"
    present = {name.lower() for name in answer.headers.keys()}  # noqa: SIM118 - headers iterate as pairs
    answer.headers.extend({name: value for name, value in wanted.items() if name.lower() not in present})


@lru_cache(maxsize=64)
def _policy_of(sources: str) -> str:
    return content_policy(connect_src=sources)


def preflight_answer(asking: Request) -> Response | None:
    """Return the answer to a CORS preflight, None when the request is none."""
    if asking.method != "OPTIONS" or "Access-Control-Request-Method" not in asking.headers:
        return None
    answer = Response(status=204)
    answer.headers["Access-Control-Allow-Methods"] = CORS_METHODS
    answer.headers["Access-Control-Allow-Headers"] = CORS_ASKED
    answer.headers["Access-Control-Max-Age"] = str(PREFLIGHT_LIFESPAN_S)
    return answer


def add_cors(answer: Response, asking: Request, *, listed: bool) -> None:
    """Let a page on a listed origin read the answer; caches are told that it depends on the origin."""
    answer.vary.add("Origin")
    if listed:
        answer.headers["Access-Control-Allow-Origin"] = asking.headers["Origin"]
        answer.headers["Access-Control-Allow-Credentials"] = "true"
        answer.headers["Access-Control-Expose-Headers"] = CORS_SHOWN
