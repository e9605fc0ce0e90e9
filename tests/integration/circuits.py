"""Circuits over a Redis, for tests."""

from __future__ import annotations

from worker.breaker import Circuit

FORGE = "http://127.0.0.1:7861"
LONG_S = 60.0
SHORT_S = 1.0


def circuit(redis_url: str, reset_s: float = LONG_S, *, url: str = FORGE, fail_max: int = 3) -> Circuit:
    """Return a circuit as another process would make it."""
    return Circuit(url, redis_url, fail_max=fail_max, reset_s=reset_s)


def opened(redis_url: str, reset_s: float = LONG_S) -> Circuit:
    """Return a circuit that has just been opened by failures."""
    found = circuit(redis_url, reset_s)
    for _ in range(3):
        found.failure()
    return found


def states(*circuits: Circuit) -> list[str]:
    """Return what each says of itself."""
    return [each.state().state for each in circuits]
