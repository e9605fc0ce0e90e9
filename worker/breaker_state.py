"""Where a circuit's state lies: a hash in Redis, and a copy in this process that survives Redis.

    HASH   <namespace>         state, failures, successes, opened_at, moved_at (unix seconds)
    STRING <namespace>:probe   who may probe the half-open circuit, with an expiry

Whichever of the two moved last is right: a copy that is newer than Redis (it was away, or lost its data) is written
back. After an error Redis is left alone for a moment, so that a frozen one does not slow down every question.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any, TypeVar

from redis.exceptions import RedisError

from shared.domain.fleet import CircuitState
from shared.redis_link import connect

log = logging.getLogger(__name__)

TIMEOUT_S = 0.5
REST_AFTER_ERROR_S = 2.0
#: A Forge that is not used any more leaves nothing behind.
KEEP_S = 7 * 24 * 3600
#: what moved last is later by so much at least, also where the clock was set back in between
LATER_S = 0.001

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Record:
    """A circuit's whole state; `moved_at` orders two versions of it."""

    state: str = CircuitState.CLOSED
    failures: int = 0
    successes: int = 0
    opened_at: float = 0.0
    moved_at: float = 0.0

    @classmethod
    def read(cls, fields: dict[bytes, bytes]) -> Record:
        """Read the hash; an empty or strange one is a circuit that never moved."""
        try:
            return cls(
                state=fields[b"state"].decode(),
                failures=int(fields[b"failures"]),
                successes=int(fields[b"successes"]),
                opened_at=float(fields[b"opened_at"]),
                moved_at=float(fields[b"moved_at"]),
            )
        except (KeyError, ValueError):
            return cls()


class SharedState:
    """pybreaker's storage, for one Forge. Connects at the first question; no method raises."""

    #: pybreaker asks every storage for one
    name = "shared"

    def __init__(self, redis_url: str, namespace: str) -> None:
        self._redis_url, self._key = redis_url, namespace
        self._client: Any = None
        self._local = Record()
        #: an attempt and the look for the next one may tell what they met at the same moment
        self._turn = RLock()
        self._probe: tuple[str, float] = ("", 0.0)
        self._rest_until = 0.0

    def record(self) -> Record:
        """Return the newest version there is, and bring both places to it."""
        with self._turn:
            found = self._ask(lambda redis: Record.read(redis.hgetall(self._key)))
            if found is not None and found.moved_at >= self._local.moved_at:
                self._local = found
            elif found is not None:
                self._ask(self._push)
            return self._local

    def take_probe(self, who: str, keep: timedelta) -> bool:
        """Let `who` probe if nobody else does; holding it already, it is held longer."""
        mine = self._ask(lambda redis: _lease(redis, f"{self._key}:probe", who, keep))
        return self._take_local_probe(who, keep) if mine is None else mine

    def give_probe_back(self, who: str) -> None:
        """Let the next one probe, if it was `who`."""
        if self._probe[0] == who:
            self._probe = ("", 0.0)
        self._ask(lambda redis: redis.get(f"{self._key}:probe") == who.encode() and redis.delete(f"{self._key}:probe"))

    @property
    def state(self) -> str:
        """pybreaker's name of the state."""
        return self.record().state

    @state.setter
    def state(self, state: str) -> None:
        self._move(state=state)

    def increment_counter(self) -> None:
        """One more failure."""
        with self._turn:
            self._move(failures=self.record().failures + 1)

    def reset_counter(self) -> None:
        """No failure in a row any more."""
        if self.record().failures:
            self._move(failures=0)

    def increment_success_counter(self) -> None:
        """One more success of a probe."""
        with self._turn:
            self._move(successes=self.record().successes + 1)

    def reset_success_counter(self) -> None:
        """No success of a probe any more."""
        if self.record().successes:
            self._move(successes=0)

    @property
    def counter(self) -> int:
        """Failures in a row."""
        return self.record().failures

    @property
    def success_counter(self) -> int:
        """Successes of a probe."""
        return self.record().successes

    @property
    def opened_at(self) -> datetime | None:
        """When the circuit was opened last."""
        opened_at = self.record().opened_at
        return datetime.fromtimestamp(opened_at, UTC) if opened_at else None

    @opened_at.setter
    def opened_at(self, moment: datetime) -> None:
        self._move(opened_at=moment.timestamp())

    def _move(self, **changes: Any) -> None:
        with self._turn:
            before = self.record()
            self._local = replace(before, **changes, moved_at=max(time.time(), before.moved_at + LATER_S))
            self._ask(self._push)

    def _push(self, redis: Any) -> bool:
        with redis.pipeline(transaction=True) as pipe:
            pipe.hset(self._key, mapping=asdict(self._local))
            pipe.expire(self._key, KEEP_S)
            pipe.execute()
        return True

    def _take_local_probe(self, who: str, keep: timedelta) -> bool:
        holder, until = self._probe
        if holder not in ("", who) and time.monotonic() < until:
            return False
        self._probe = (who, time.monotonic() + keep.total_seconds())
        return True

    def _ask(self, question: Callable[[Any], Found]) -> Found | None:
        """Return Redis's answer, or None while it is away."""
        if time.monotonic() < self._rest_until:
            return None
        try:
            if self._client is None:
                self._client = connect(self._redis_url, timeout_s=TIMEOUT_S, decode=False)
            return question(self._client)
        except RedisError as error:
            log.warning("the circuit's state stays in this process: %s", type(error).__name__)
            self._rest_until = time.monotonic() + REST_AFTER_ERROR_S
            return None


def _lease(redis: Any, key: str, who: str, keep: timedelta) -> bool:
    """Take or prolong a lease; a holder that is gone frees it by its expiry."""
    keep_ms = max(1, int(keep.total_seconds() * 1000))
    if redis.set(key, who, nx=True, px=keep_ms):
        return True
    return redis.get(key) == who.encode() and bool(redis.pexpire(key, keep_ms))
