"""How many sockets a user has open when several processes serve: each socket holds a seat in Redis.

    ZSET of a user:      seat (process:number) -> Unix seconds until which it counts
    STRING of a process: it lives; runs out by itself

A seat is taken in one atomic step, moved on while its socket is open, and given back when it ends. Those of a process
that died count no more as soon as its sign of life has run out: its users come back at once. While Redis is away each
process counts its own sockets alone.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from itertools import count
from time import time
from uuid import uuid4

import gevent
from gevent.event import Event
from redis import Redis
from redis.exceptions import RedisError

from shared.redis_keys import alive, sockets_of

log = logging.getLogger(__name__)

STANDS_S = 60.0
EVERY_S = 15.0
#: a process says that it lives so often, and is believed to for so long
SIGN_EVERY_S = 1.0
LIVES_S = 4
#: a user's seats are forgotten when none was taken or moved on for so long
FORGOTTEN_S = int(2 * STANDS_S)
GATHER_S = 0.05
AT_ONCE = 200
#: a socket that could not be counted
UNCOUNTED = ""

#: KEYS: the user's seats; ARGV: now, until, most, seat, what stands before a process in its sign of life, expiry.
#: Returns whether the seat was taken.
TAKE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
local taken = 0
for _, seat in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  taken = taken + redis.call('EXISTS', ARGV[5] .. string.match(seat, '^[^:]*'))
end
if taken >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[6])
return 1
"""


class Seats:
    """The seats of this process's sockets."""

    def __init__(self, redis: "Redis", *, most: int) -> None:
        self._redis = redis
        self._most = most
        self.process = uuid4().hex[:12]
        self._numbers = count()
        self._taken: dict[str, str] = {}
        self._given_back: list[tuple[str, str]] = []
        self._changed = Event()
        self._kept_at = self._signed_at = 0.0

    def take(self, user_id: str) -> str | None:
        """Return a seat for one more socket of this user, None when all are taken."""
        seat = f"{self.process}:{next(self._numbers)}"
        now = time()
        try:
            self._give_sign(now)
            about = (now, now + STANDS_S, self._most, seat, alive(""), FORGOTTEN_S)
            free = self._redis.eval(TAKE, 1, sockets_of(user_id), *about)
        except RedisError as error:
            log.warning("a socket could not be counted: %s", error)
            return UNCOUNTED
        if not free:
            return None
        self._taken[seat] = user_id
        return seat

    def give_back(self, seat: str | None) -> None:
        """Free a seat, a moment later; nothing happens the second time."""
        user_id = self._taken.pop(seat, None) if seat else None
        if seat and user_id is not None:
            self._given_back.append((user_id, seat))
            self._changed.set()

    def give_all_back(self) -> None:
        """Free every seat at once: this process ends, and whoever it sends away should find room at another."""
        for seat in tuple(self._taken):
            self.give_back(seat)
        try:
            self._free()
        except RedisError as error:
            log.warning("seats were not given back, and run out: %s", error)

    def run(self) -> None:
        """Keep the seats for ever; a greenlet's body."""
        while True:
            self._changed.wait(SIGN_EVERY_S)
            gevent.sleep(GATHER_S)
            self._changed.clear()
            try:
                self._free()
                self._give_sign(time())
                self.keep(time())
            except RedisError as error:
                log.warning("sockets could not be counted: %s", error)

    def _give_sign(self, now: float) -> None:
        if self._signed_at <= now < self._signed_at + SIGN_EVERY_S:
            return
        self._redis.set(alive(self.process), 1, ex=LIVES_S)
        self._signed_at = now

    def keep(self, now: float) -> None:
        """Every EVERY_S, let every taken seat count until STANDS_S after `now` (Unix seconds); raises RedisError."""
        if now < self._kept_at + EVERY_S:
            return
        self._kept_at = now
        by_user: dict[str, dict[str, float]] = defaultdict(dict)
        for seat, user_id in self._taken.items():
            by_user[user_id][seat] = now + STANDS_S
        users = list(by_user)
        for start in range(0, len(users), AT_ONCE):
            self._write((user, by_user[user]) for user in users[start : start + AT_ONCE])

    def _write(self, seats: Iterable[tuple[str, dict[str, float]]]) -> None:
        with self._redis.pipeline(transaction=False) as pipe:
            for user_id, scores in seats:
                pipe.zadd(sockets_of(user_id), scores)
                pipe.expire(sockets_of(user_id), FORGOTTEN_S)
            pipe.execute()

    def _free(self) -> None:
        given_back, self._given_back = self._given_back, []
        with self._redis.pipeline(transaction=False) as pipe:
            for user_id, seat in given_back:
                pipe.zrem(sockets_of(user_id), seat)
            pipe.execute()
