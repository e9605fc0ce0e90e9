"""The ticket counter and the waiting line's index, in Redis: speed, not truth.

The order is (priority, ticket), as the claim takes it; the index holds it as a sorted set,
so a place is one look-up however long the line is. Whoever publishes a change of the line
updates the index first; the reconciler compares it with the store and mends it.

Two processes may note two changes of one job in the wrong order. So each note carries the
job's version, and an older one changes nothing.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from shared.domain.errors import QueueUnavailable
from shared.domain.jobs import Job, Status
from shared.redis_keys import EPOCH, LINE, TICKET_COUNTER, noted

log = logging.getLogger(__name__)

#: tickets stay below this, so priority and ticket fit exactly into a double
PRIORITY_STEP = 2**40

#: increments the counter only if it exists: one that Redis lost must be seeded first
_NEXT = """
if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('INCR', KEYS[1]) end
return -1
"""
#: takes a ticket and puts the job in the line at once: [ticket, place, how many wait], the last two only if believed
_ENTER = """
if redis.call('EXISTS', KEYS[1]) == 0 then return {-1} end
local ticket = redis.call('INCR', KEYS[1])
redis.call('ZADD', KEYS[2], string.format('%.0f', tonumber(ARGV[2]) + ticket), ARGV[1])
if redis.call('EXISTS', KEYS[3]) == 0 then return {ticket} end
return {ticket, redis.call('ZRANK', KEYS[2], ARGV[1]) + 1, redis.call('ZCARD', KEYS[2])}
"""
#: how many wait, then the rank of each job that is asked for; nothing while the index is not to be believed
_PLACES = """
if redis.call('EXISTS', KEYS[2]) == 0 then return {} end
local found = {redis.call('ZCARD', KEYS[1])}
for number, job in ipairs(ARGV) do found[number + 1] = redis.call('ZRANK', KEYS[1], job) or -1 end
return found
"""
_RAISE = """
if tonumber(redis.call('GET', KEYS[1]) or '-1') < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 1
"""

#: puts a job in, or takes it out, unless a newer version of it was noted
_NOTE = """
local seen = redis.call('GET', KEYS[2])
if seen and tonumber(seen) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
if ARGV[4] == '' then return redis.call('ZREM', KEYS[1], ARGV[1]) end
return redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1])
"""

#: no note is late by more
_NOTED_FOR_S = 3600
_AT_ONCE = 500
_READ_AT_ONCE = 1000
_FIRST_RETRY_S = 2


def score(priority: int, ticket: int) -> float:
    """Return the sort key of the order (priority, ticket)."""
    return float(priority * PRIORITY_STEP + ticket)


class Standing(NamedTuple):
    """A place in the line, from 1, and how many wait."""

    position: int
    total: int


class Places(NamedTuple):
    """Where some jobs stand, from 1, those that wait alone, and how many wait in all; of one moment."""

    positions: dict[str, int]
    total: int


class Entry(NamedTuple):
    """A ticket taken, and where it stands (None: the index is not to be believed)."""

    ticket: int
    standing: Standing | None


class LineIndex:
    """The index over one Redis client that decodes; reads give None while Redis is away."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._enter = redis.register_script(_ENTER)
        self._places = redis.register_script(_PLACES)

    def enter(self, job_id: str, priority: int, highest_stored: Callable[[], int]) -> Entry:
        """Take a ticket for a job that is about to be stored, and let it stand in the line already.

        So its place is known in the same step, and nobody who comes later stands before it. Whoever does not store
        it takes it out again (`leave`); if that process dies first, the reconciler does. Raises QueueUnavailable.
        """
        try:
            ticket, *place = self._enter([TICKET_COUNTER, LINE, EPOCH], [job_id, priority * PRIORITY_STEP])
            while ticket < 0:
                self._redis.set(TICKET_COUNTER, highest_stored(), nx=True)
                ticket, *place = self._enter([TICKET_COUNTER, LINE, EPOCH], [job_id, priority * PRIORITY_STEP])
        except RedisError as error:
            raise QueueUnavailable("Redis cannot be reached", retry_after_s=_FIRST_RETRY_S) from error
        return Entry(ticket, Standing(*place) if place else None)

    def leave(self, job_id: str) -> None:
        """Take out a job that entered and was not stored."""
        try:
            self._redis.zrem(LINE, job_id)
        except RedisError as error:
            log.warning("the line's index keeps a job that was refused: %s", error)

    def next_ticket(self, highest_stored: Callable[[], int]) -> int:
        """Take a ticket; a counter that is missing is first set to the store's highest.

        Raises QueueUnavailable when Redis is away: no job is accepted without a ticket.
        """
        try:
            ticket = int(self._redis.eval(_NEXT, 1, TICKET_COUNTER))
            while ticket < 0:
                self._redis.set(TICKET_COUNTER, highest_stored(), nx=True)
                ticket = int(self._redis.eval(_NEXT, 1, TICKET_COUNTER))
        except RedisError as error:
            text = "Redis cannot be reached"
            raise QueueUnavailable(text, retry_after_s=_FIRST_RETRY_S) from error
        return ticket

    def raise_ticket(self, at_least: int) -> None:
        """Lift a counter that is behind the store, as after Redis came back with old data."""
        try:
            self._redis.eval(_RAISE, 1, TICKET_COUNTER, at_least)
        except RedisError as error:
            raise QueueUnavailable(retry_after_s=_FIRST_RETRY_S) from error

    def note(self, jobs: Iterable[Job]) -> int | None:
        """Put each waiting job in and take each other one out, as of its version.

        Returns how many wait after the last of them, None where `total` would.
        """
        every, total = list(jobs), None
        try:
            for start in range(0, len(every), _AT_ONCE):
                total = self._note_some(every[start : start + _AT_ONCE])
        except RedisError as error:
            log.warning("the line's index missed a change: %s", error)
            return None
        return total

    def _note_some(self, jobs: Iterable[Job]) -> int | None:
        with self._redis.pipeline(transaction=False) as pipe:
            for job in jobs:
                place = f"{score(job.priority, job.ticket):.0f}" if job.status is Status.QUEUED else ""
                about = (job.job_id, job.version, _NOTED_FOR_S, place)
                pipe.eval(_NOTE, 2, LINE, noted(job.job_id), *about)
            pipe.eval(_PLACES, 2, LINE, EPOCH)
            *_, found = pipe.execute()
        return int(found[0]) if found else None

    def drop(self, job_ids: Iterable[str]) -> None:
        """Take out jobs that the store knows no more. Raises RedisError."""
        for job_id in job_ids:
            self._redis.zrem(LINE, job_id)

    def place(self, job_id: str) -> tuple[int | None, int] | None:
        """Return (position from 1 or None when absent, how many wait), or None without Redis."""
        found = self._ranks([job_id])
        if found is None:
            return None
        (rank,), total = found
        return (None if rank < 0 else rank + 1), total

    def places(self, job_ids: Sequence[str]) -> Places | None:
        """Return the places of those that stand in the line, or None while Redis is away or lost its data.

        Those of many more than one user may have are of several moments, so that Redis keeps nobody waiting.
        """
        positions: dict[str, int] = {}
        total = 0
        for start in range(0, max(1, len(job_ids)), _READ_AT_ONCE):
            asked = job_ids[start : start + _READ_AT_ONCE]
            found = self._ranks(asked)
            if found is None:
                return None
            ranks, total = found
            positions |= {job_id: rank + 1 for job_id, rank in zip(asked, ranks, strict=True) if rank >= 0}
        return Places(positions, total)

    def total(self) -> int | None:
        """Return how many wait, or None while Redis is away or lost its data."""
        found = self._ranks([])
        return None if found is None else found[1]

    def job_ids(self, most: int = 0) -> list[str] | None:
        """Return the first `most` of the line (0: all) in order, or None while Redis is away or lost its data."""
        try:
            with self._redis.pipeline(transaction=True) as pipe:
                pipe.zrange(LINE, 0, most - 1)
                pipe.get(EPOCH)
                found, epoch = pipe.execute()
        except RedisError:
            return None
        return None if epoch is None else list(found)

    def _ranks(self, job_ids: Sequence[str]) -> tuple[list[int], int] | None:
        """Return the rank of each, from 0, -1 when absent, and how many wait."""
        try:
            found: list[int] = self._places([LINE, EPOCH], list(job_ids))
        except RedisError:
            return None
        return (found[1:], found[0]) if found else None

    def answers(self) -> bool:
        """Whether Redis answers a command."""
        try:
            return bool(self._redis.ping())
        except RedisError:
            return False

    def scores(self) -> dict[str, float]:
        """Return every job in the index with its sort key. Raises RedisError."""
        found: list[tuple[str, float]] = self._redis.zrange(LINE, 0, -1, withscores=True)  # type: ignore[assignment]
        return dict(found)

    def epoch(self) -> str | None:
        """Return the epoch the index was built for; None: Redis lost its data. Raises RedisError."""
        found = self._redis.get(EPOCH)
        return None if found is None else str(found)

    def begin_epoch(self, epoch: str) -> None:
        """Declare the index whole: it is believed from now on. Raises RedisError."""
        self._redis.set(EPOCH, epoch)
