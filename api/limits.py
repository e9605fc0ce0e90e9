"""How often someone may write: RATE_LIMIT submissions and other writes, per user, or per address for the anonymous.

Counted in Redis, so that every API process counts together. While Redis is away each process counts for itself: the
limit relaxes and nothing breaks. Reading is free. The answer to a write tells how much is left.
"""

import math
import time
from collections.abc import Callable
from functools import partial
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from flask import Flask, Response, g, request
from flask_limiter import Limiter, RateLimitExceeded
from limits.errors import StorageError

from api.auth import SAFE_METHODS
from shared import redis_keys, redis_link
from shared.domain.errors import RateLimited
from shared.settings import Settings

#: A limiter that has to wait for its counter would be worse than none.
STORAGE_TIMEOUT_S = 0.3
SCOPE = "writes"


def init_limits(app: Flask, settings: Settings, redis_url: str | None) -> None:
    """Count the writes of `app`; to be called after whoever sets `g.identity`."""
    limiter = Limiter(
        who_writes,
        strategy="fixed-window",
        in_memory_fallback_enabled=True,
        **_storage(redis_url),
    )
    limiter.init_app(app)
    count = limiter.shared_limit(settings.rate_limit, scope=SCOPE)(_write)
    app.before_request(partial(_count_write, limiter, count))
    app.after_request(_tell)


def who_writes() -> str:
    """Return whom a write is counted for: a user, or an address (of IPv6 the /64, which is one customer)."""
    identity = g.get("identity")
    if identity is not None:
        return f"user:{identity.user_id}"
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return "address:unknown"
    return f"address:{ip_network((address, 64), strict=False) if isinstance(address, IPv6Address) else address}"


def _storage(redis_url: str | None) -> dict[str, Any]:
    if redis_url is None:
        return {"storage_uri": "memory://"}
    client = redis_link.connect(redis_url, timeout_s=STORAGE_TIMEOUT_S)
    options = {"connection_pool": client.connection_pool, "key_prefix": redis_keys.RATE_LIMITS, "wrap_exceptions": True}
    return {"storage_uri": "redis://", "storage_options": options}


def _write() -> None:
    """What the limiter counts the calls of."""


def _count_write(limiter: Limiter, count: Callable[[], None]) -> None:
    if request.method in SAFE_METHODS:
        return
    try:
        count()
    except RateLimitExceeded:
        raise RateLimited(retry_after_s=float(_remember(limiter)["RateLimit-Reset"])) from None
    _remember(limiter)


def _remember(limiter: Limiter) -> dict[str, str]:
    """Keep what the answer tells about the limit (draft-ietf-httpapi-ratelimit-headers-06: seconds until the reset)."""
    limit = limiter.current_limit
    g.rate = {"RateLimit-Reset": "1"}
    try:
        if limit is not None:
            g.rate = {
                "RateLimit-Limit": str(limit.limit.amount),
                "RateLimit-Remaining": str(max(0, limit.remaining)),
                "RateLimit-Reset": str(max(1, min(limit.limit.get_expiry(), math.ceil(limit.reset_at - time.time())))),
            }
    except StorageError:
        g.rate = {"RateLimit-Reset": "1"}  # Redis left between the counting and the asking
    rate: dict[str, str] = g.rate
    return rate


def _tell(answer: Response) -> Response:
    answer.headers.update(g.get("rate", {}))
    return answer
