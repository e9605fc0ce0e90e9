"""What becomes of a job whose worker died, that is stuck, or whose try failed.

Every rule takes data and returns a `Decision`; none reads a clock, a database or a
setting. Failures by kind: see the table in `shared.domain.failures`.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from shared.domain.errors import ErrorCode
from shared.domain.failures import FailureKind

#: rounds of a plain 5xx one job may cause before it is failed
MAX_BAD_ROUNDS = 3
#: times a healthy Forge may die during one job's own generation
MAX_FORGE_DEATHS = 3

#: kinds that the same input meets again: no second try
AT_ONCE = {
    FailureKind.REJECTED: ErrorCode.FORGE_REJECTED,
    FailureKind.MODEL_NOT_FOUND: ErrorCode.MODEL_NOT_FOUND,
}

#: kinds that are tried once more
ONE_RETRY = {
    FailureKind.OUT_OF_MEMORY: ErrorCode.FORGE_OUT_OF_MEMORY,
    FailureKind.BAD_IMAGE: ErrorCode.FORGE_BAD_RESPONSE,
}


class Outcome(StrEnum):
    """What to do with the job now."""

    RETRY = "retry"
    PUT_BACK = "put_back"
    FAIL = "fail"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome, with what it needs: a wait, an error code, or the counters to raise."""

    outcome: Outcome
    delay_s: float = 0.0
    code: ErrorCode | None = None
    text_params: dict[str, object] = field(default_factory=dict)
    deaths: int = 0
    bad_rounds: int = 0
    forge_deaths: int = 0


@dataclass(frozen=True, slots=True)
class Troubles:
    """What a job has been through: tries of this attempt, and counters kept on its row."""

    timeouts: int = 0
    memory_failures: int = 0
    bad_images: int = 0
    bad_rounds: int = 0
    forge_deaths: int = 0

    def after(self, kind: FailureKind) -> "Troubles":
        """Return what it has been through after one more failed try of this attempt."""
        match kind:
            case FailureKind.TIMEOUT:
                return replace(self, timeouts=self.timeouts + 1)
            case FailureKind.OUT_OF_MEMORY:
                return replace(self, memory_failures=self.memory_failures + 1)
            case FailureKind.BAD_IMAGE:
                return replace(self, bad_images=self.bad_images + 1)
            case _:
                return self


def rescue_decision(*, deaths: int, max_attempts: int, cancel_requested: bool, blameless: bool = False) -> Decision:
    """Decide on a job whose worker died, after `deaths` earlier deaths; a blameless one is charged with none."""
    if cancel_requested:
        return Decision(Outcome.CANCEL)
    if blameless:
        return Decision(Outcome.PUT_BACK)
    if deaths + 1 >= max_attempts:
        params: dict[str, object] = {"deaths": deaths + 1}
        return Decision(Outcome.FAIL, code=ErrorCode.WORKER_LOST, text_params=params, deaths=1)
    return Decision(Outcome.PUT_BACK, deaths=1)


def is_stuck(*, silent_s: float, forge_loading: bool, stuck_after_s: float, load_timeout_s: float) -> bool:
    """Whether a processing job without a sign of life for `silent_s` seconds is stuck."""
    return silent_s >= (load_timeout_s if forge_loading else stuck_after_s)


def failure_decision(
    kind: FailureKind,
    troubles: Troubles,
    *,
    retry_delays_s: tuple[float, ...],
    timeout_s: float,
    died_generating: bool,
) -> Decision:
    """Decide on a failed try; `troubles` counts what happened before this failure."""
    if kind in AT_ONCE:
        return Decision(Outcome.FAIL, code=AT_ONCE[kind])
    if kind is FailureKind.TIMEOUT:
        return _after_timeout(troubles.timeouts, retry_delays_s, timeout_s)
    if kind in ONE_RETRY:
        return _retry_once(troubles, kind)
    if kind is FailureKind.SERVER_ERROR:
        return _after_bad_round(troubles.bad_rounds)
    if kind is FailureKind.UNREACHABLE and died_generating:
        return _after_forge_death(troubles.forge_deaths)
    return Decision(Outcome.PUT_BACK)


def _after_timeout(timeouts: int, delays_s: tuple[float, ...], timeout_s: float) -> Decision:
    if timeouts < len(delays_s):
        return Decision(Outcome.RETRY, delay_s=delays_s[timeouts])
    seconds = f"{timeout_s:g}"
    return Decision(Outcome.FAIL, code=ErrorCode.FORGE_TIMEOUT, text_params={"seconds": seconds})


def _retry_once(troubles: Troubles, kind: FailureKind) -> Decision:
    oom = kind is FailureKind.OUT_OF_MEMORY
    before = troubles.memory_failures if oom else troubles.bad_images
    return Decision(Outcome.RETRY) if before == 0 else Decision(Outcome.FAIL, code=ONE_RETRY[kind])


def _after_bad_round(before: int) -> Decision:
    if before + 1 >= MAX_BAD_ROUNDS:
        return Decision(Outcome.FAIL, code=ErrorCode.FORGE_BAD_RESPONSE, bad_rounds=1)
    return Decision(Outcome.PUT_BACK, bad_rounds=1)


def _after_forge_death(before: int) -> Decision:
    if before + 1 >= MAX_FORGE_DEATHS:
        return Decision(Outcome.FAIL, code=ErrorCode.FORGE_UNAVAILABLE, forge_deaths=1)
    return Decision(Outcome.PUT_BACK, forge_deaths=1)
