"""How often someone may write: RATE_LIMIT submissions and other writes, per user, or per address for the anonymous.

Counted in Redis in windows that begin at full minutes (hours, …), so that all API processes count together and one
step tells it all. While Redis is away each process counts for itself: the limit relaxes and nothing breaks. Reading is
free, and so is signing out: nobody stays signed in on a shared machine because others at its address were busy. The
answer to a write tells how much is left.
"""

import math
import time
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_network
from typing import NamedTuple

from flask import Flask, Response, g, request
from limits import RateLimitItem, parse_many
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage

from api.auth import SAFE_METHODS
from api.peer import address_of
from shared import redis_keys, redis_link
from shared.domain.errors import RateLimited
from shared.settings import Settings

#: A limiter that has to wait for its counter would be worse than none.
STORAGE_TIMEOUT_S = 0.3
#: a Redis that did not answer is left alone for so long
REST_S = 5.0

SIGN_OUT = ("DELETE", "/session")

Storage = RedisStorage | MemoryStorage


class Window(NamedTuple):
    """What one rate allows, how much of it was used in the window that ends at `ends_at` (unix seconds)."""

    amount: int
    used: int
    ends_at: float

    @property
    def left(self) -> int:
        """How much may still be written."""
        return max(0, self.amount - self.used)


class WriteCounter:
    """Counts writes against every rate of RATE_LIMIT."""

    def __init__(self, rates: Sequence[RateLimitItem], shared: Storage) -> None:
        self._rates = rates
        self._shared = shared
        self._own = MemoryStorage()
        self._alone_until = 0.0

    def count(self, who: str) -> Window:
        """Count one write; return the window that is nearest to being full, or over full."""
        now = time.time()
        return min(
            (self._window(rate, who, now) for rate in self._rates), key=lambda window: window.amount - window.used
        )

    def _window(self, rate: RateLimitItem, who: str, now: float) -> Window:
        seconds = rate.get_expiry()
        number = int(now // seconds)
        used = self._used(rate.key_for(who, number), seconds)
        return Window(rate.amount, used, (number + 1) * seconds)

    def _used(self, key: str, seconds: int) -> int:
        if time.monotonic() >= self._alone_until:
            try:
                return self._shared.incr(key, seconds)
            except StorageError:
                self._alone_until = time.monotonic() + REST_S
        return self._own.incr(key, seconds)


def init_limits(app: Flask, settings: Settings, redis_url: str | None) -> None:
    """Count the writes of `app`; to be called after whoever sets `g.identity`."""
    counter = WriteCounter(parse_many(settings.rate_limit), _storage(redis_url))

    def count_write() -> None:
        if request.method in SAFE_METHODS or (request.method, request.path) == SIGN_OUT:
            return
        window = counter.count(who_writes())
        g.rate = _told(window)
        if window.used > window.amount:
            raise RateLimited(retry_after_s=float(g.rate["RateLimit-Reset"]))

    app.before_request(count_write)
    app.after_request(_tell)


def who_writes() -> str:
    """Return whom a write is counted for: a user, or an address (of IPv6 the /64, which is one customer)."""
    identity = g.get("identity")
    if identity is not None:
        return f"user:{identity.user_id}"
    address = address_of(request.remote_addr or "")
    if address is None:
        return "address:unknown"
    return f"address:{ip_network((address, 64), strict=False) if isinstance(address, IPv6Address) else address}"


def _storage(redis_url: str | None) -> Storage:
    if redis_url is None:
        return MemoryStorage()
    pool = redis_link.connect(redis_url, timeout_s=STORAGE_TIMEOUT_S).connection_pool
    return RedisStorage("redis://", pool, redis_keys.RATE_LIMITS, wrap_exceptions=True)


def _told(window: Window) -> dict[str, str]:
    """Return what the answer tells (draft-ietf-httpapi-ratelimit-headers-06: seconds until the reset)."""
    return {
        "RateLimit-Limit": str(window.amount),
        "RateLimit-Remaining": str(window.left),
        "RateLimit-Reset": str(max(1, math.ceil(window.ends_at - time.time()))),
    }


def _tell(answer: Response) -> Response:
    answer.headers.update(g.get("rate", {}))
    return answer
