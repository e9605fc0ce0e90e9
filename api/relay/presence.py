"""Who watches: members with an open socket, kept in Redis so that a worker takes previews only for someone.

A member stands there until a moment that is moved on while a socket is open; nobody has to take it out.
"""

import logging

import gevent
from redis import Redis
from redis.exceptions import RedisError

from api.relay.room import Room
from shared.redis_keys import WATCHERS

log = logging.getLogger(__name__)

EVERY_S = 5.0
#: newcomers of so long are written together
GATHER_S = 0.2
STANDS_S = 15.0
AT_ONCE = 500


class Presence:
    """Writes this process's members into the ZSET of watchers."""

    def __init__(self, redis: "Redis", room: Room) -> None:
        self._redis = redis
        self._room = room

    def run(self) -> None:
        """Write for ever; a greenlet's body."""
        while True:
            self._room.came.wait(EVERY_S)
            gevent.sleep(GATHER_S)
            self._room.came.clear()
            try:
                self.once()
            except RedisError as error:
                log.warning("who watches could not be written: %s", error)

    def once(self) -> None:
        """Let every connected member stand for STANDS_S, by Redis's clock, which workers ask too; raises RedisError."""
        now: int = self._redis.time()[0]
        members = tuple(self._room.registry.members())
        for start in range(0, len(members), AT_ONCE):
            self._redis.zadd(WATCHERS, dict.fromkeys(members[start : start + AT_ONCE], now + STANDS_S))
        self._redis.zremrangebyscore(WATCHERS, "-inf", now)
