"""Live previews, in Redis only: the latest small JPEG of a running job.

Each preview has a number, so its address changes with it. Losing one loses nothing.
"""

from redis import Redis
from redis.exceptions import RedisError

from shared.redis_keys import preview

KEEP_S = 120


class Previews:
    """The latest preview of each running job; `redis` must not decode."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    def save(self, job_id: str, jpeg: bytes) -> int | None:
        """Keep a job's newest preview; return its number, or None while Redis is away."""
        key = preview(job_id)
        try:
            with self._redis.pipeline(transaction=True) as pipe:
                pipe.hincrby(key, "v", 1)
                pipe.hset(key, "jpeg", jpeg)
                pipe.expire(key, KEEP_S)
                return int(pipe.execute()[0])
        except RedisError:
            return None

    def version(self, job_id: str) -> int | None:
        """Return the number of a job's newest preview, or None."""
        try:
            found = self._redis.hget(preview(job_id), "v")
        except RedisError:
            return None
        return None if found is None else int(found)

    def read(self, job_id: str) -> bytes | None:
        """Return a job's newest preview, or None."""
        try:
            found = self._redis.hget(preview(job_id), "jpeg")
        except RedisError:
            return None
        return found  # type: ignore[return-value]

    def drop(self, job_id: str) -> None:
        """Forget a job's preview: it ended, or another attempt begins."""
        try:
            self._redis.delete(preview(job_id))
        except RedisError:
            return
