"""When the clock's duties last ended well: written by the maintenance worker, read by `/metrics` and `doctor`.

A duty that is late says that beat does not ring, or that no maintenance worker answers; the two are told apart by
asking the worker. Redis holds it: after a loss the next duty writes it again.
"""

import logging
import time

from redis import Redis
from redis.exceptions import RedisError

from shared.redis_keys import DUTIES

log = logging.getLogger(__name__)


class DutyClock:
    """The moments, over one Redis client that decodes."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    def done(self, task: str) -> None:
        """Note that a duty ended well now."""
        try:
            self._redis.hset(DUTIES, task, str(time.time()))
        except RedisError as error:
            log.debug("a duty was not noted: %s", error)

    def ages_s(self) -> dict[str, float] | None:
        """Return how many seconds ago each duty ended, by task name; None while Redis is away."""
        try:
            found: dict[str, str] = self._redis.hgetall(DUTIES)  # type: ignore[assignment]  # sync client
        except RedisError:
            return None
        now = time.time()
        return {task: max(0.0, now - float(moment)) for task, moment in found.items()}
