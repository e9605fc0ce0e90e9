"""The circuit of one Forge: after `fail_max` failures in a row nothing is sent to it for `reset_s` seconds.

    closed ──fail_max failures in a row, or trip()──▶ open ──reset_s──▶ half_open ──success──▶ closed
                                                       ▲                    └──────failure──────┘

pybreaker keeps the rules; what it lacks for long calls and several processes is added around it:

* a result is told when it is known (`success`, `failure`), so no lock is held while Forge renders for minutes;
* what is no verdict on Forge (a wrong request) is told to nobody, so it cannot close a half-open circuit;
* half-open lets one process through, by a lease in Redis that outlives it by `reset_s` at most;
* the state lies in Redis, and in this process too (worker.breaker_state): neither a Redis that is away nor one that
  lost its data closes an open circuit.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, cast
from urllib.parse import urlsplit

from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN, CircuitBreaker, CircuitBreakerError

from shared.domain.fleet import CircuitState
from shared.redis_keys import circuit
from worker.breaker_state import SharedState


@dataclass(frozen=True, slots=True)
class CircuitView:
    """The circuit as people see it; `retry_at`: when an open one lets a probe through."""

    state: CircuitState
    failures: int
    retry_at: datetime | None


class Circuit:
    """One Forge's circuit. Connects to nothing before it is first asked; no method raises."""

    def __init__(self, url: str, redis_url: str, *, fail_max: int = 5, reset_s: float = 60) -> None:
        self._reset = timedelta(seconds=reset_s)
        self._fail_max = fail_max
        self._shared = SharedState(redis_url, circuit(_place(url)))
        self._me = secrets.token_hex(8)
        self._built: CircuitBreaker | None = None

    def state(self) -> CircuitView:
        """Return what is known now; an open circuit whose time is over counts as half open."""
        record = self._shared.record()
        if record.state == STATE_CLOSED:
            return CircuitView(CircuitState.CLOSED, record.failures, None)
        over = record.state == STATE_HALF_OPEN or self._retry_at() <= datetime.now(UTC)
        if over:
            return CircuitView(CircuitState.HALF_OPEN, record.failures, None)
        return CircuitView(CircuitState.OPEN, record.failures, self._retry_at())

    def allow(self) -> bool:
        """Tell whether something may be sent now; in a half-open circuit to one process only, the probe's."""
        state = self._shared.record().state
        if state == STATE_CLOSED:
            return True
        if state == STATE_OPEN and datetime.now(UTC) < self._retry_at():
            return False
        if not self._shared.take_probe(self._me, self._reset):
            return False
        if state == STATE_OPEN:
            self._breaker.half_open()
        return True

    def success(self) -> None:
        """Forge gave a good answer: the count starts anew, and the circuit closes."""
        record = self._shared.record()
        if record.state == STATE_CLOSED and not record.failures:
            return
        if record.state == STATE_OPEN:
            self._breaker.half_open()
        self._tell(lambda: None)
        self._shared.give_probe_back(self._me)

    def failure(self) -> None:
        """Forge failed in a way that counts."""
        self._tell(_fail)
        self._shared.give_probe_back(self._me)

    def trip(self) -> None:
        """Open at once: Forge may still be at work on what we gave up, or lets us look and not draw."""
        self._breaker.open()
        self._shared.give_probe_back(self._me)

    @property
    def _breaker(self) -> CircuitBreaker:
        if self._built is None:
            self._built = CircuitBreaker(
                fail_max=self._fail_max,
                reset_timeout=self._reset.total_seconds(),
                state_storage=cast(Any, self._shared),  # by its methods, not by its family
                throw_new_error_on_trip=False,
            )
        return self._built

    def _tell(self, result: Callable[[], None]) -> None:
        """Have pybreaker count a result; one that comes while the circuit is open changes nothing."""
        with contextlib.suppress(_Failed, CircuitBreakerError):
            self._breaker.call(result)

    def _retry_at(self) -> datetime:
        """Return when an open circuit lets a probe through; it is past, where the clock was set back since it opened.

        The clocks of two workers may differ a little, so an opening that lies a little ahead is waited for.
        """
        now = datetime.now(UTC)
        opened_at = self._shared.opened_at or now
        if opened_at - now > self._reset:
            return now - self._reset
        return opened_at + self._reset


class _Failed(Exception):
    """What pybreaker is told instead of the failure itself."""


def _fail() -> NoReturn:
    raise _Failed


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}{parts.path.rstrip('/')}"
