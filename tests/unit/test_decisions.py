"""What becomes of a job, as tables of cases."""

import pytest

from shared.domain.decisions import Decision, Outcome, Troubles, failure_decision, is_stuck, rescue_decision
from shared.domain.errors import ErrorCode, error_text
from shared.domain.failures import FailureKind

DELAYS_S = (1.0, 2.0, 4.0)


def decide(kind: FailureKind, troubles: Troubles | None = None, *, died: bool = False) -> Decision:
    """Decide with the usual settings."""
    return failure_decision(kind, troubles or Troubles(), retry_delays_s=DELAYS_S, timeout_s=180, died_generating=died)


@pytest.mark.parametrize(("timeouts", "delay_s"), [(0, 1.0), (1, 2.0), (2, 4.0)])
def test_a_timeout_is_tried_again_after_growing_waits(timeouts: int, delay_s: float) -> None:
    decision = decide(FailureKind.TIMEOUT, Troubles(timeouts=timeouts))
    assert (decision.outcome, decision.delay_s) == (Outcome.RETRY, delay_s)


def test_the_fourth_timeout_fails_in_the_promised_words() -> None:
    decision = decide(FailureKind.TIMEOUT, Troubles(timeouts=3))
    assert (decision.outcome, decision.code) == (Outcome.FAIL, ErrorCode.FORGE_TIMEOUT)
    text = error_text(ErrorCode.FORGE_TIMEOUT, "tr", **decision.text_params)
    assert text == "Forge API zaman aşımına uğradı (180s). Lütfen tekrar deneyin."


def test_without_delays_the_first_timeout_fails() -> None:
    decision = failure_decision(
        FailureKind.TIMEOUT, Troubles(), retry_delays_s=(), timeout_s=2.5, died_generating=False
    )
    assert decision.outcome is Outcome.FAIL
    assert decision.text_params == {"seconds": "2.5"}


@pytest.mark.parametrize(
    ("kind", "again", "code"),
    [
        (FailureKind.OUT_OF_MEMORY, Troubles(memory_failures=1), ErrorCode.FORGE_OUT_OF_MEMORY),
        (FailureKind.BAD_IMAGE, Troubles(bad_images=1), ErrorCode.FORGE_BAD_RESPONSE),
    ],
)
def test_memory_and_bad_images_get_one_more_try(kind: FailureKind, again: Troubles, code: ErrorCode) -> None:
    assert decide(kind) == Decision(Outcome.RETRY)
    assert decide(kind, again) == Decision(Outcome.FAIL, code=code)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FailureKind.REJECTED, ErrorCode.FORGE_REJECTED),
        (FailureKind.MODEL_NOT_FOUND, ErrorCode.MODEL_NOT_FOUND),
    ],
)
def test_what_the_same_input_meets_again_fails_at_once(kind: FailureKind, code: ErrorCode) -> None:
    assert decide(kind) == Decision(Outcome.FAIL, code=code)


@pytest.mark.parametrize("kind", [FailureKind.UNREACHABLE, FailureKind.POISONED, FailureKind.UNAUTHORIZED])
@pytest.mark.parametrize("troubles", [Troubles(), Troubles(9, 9, 9, 9, 9)])
def test_a_forge_that_is_away_never_costs_a_job(kind: FailureKind, troubles: Troubles) -> None:
    assert decide(kind, troubles) == Decision(Outcome.PUT_BACK)


def test_three_rounds_of_a_plain_500_are_enough() -> None:
    assert decide(FailureKind.SERVER_ERROR) == Decision(Outcome.PUT_BACK, bad_rounds=1)
    last = decide(FailureKind.SERVER_ERROR, Troubles(bad_rounds=2))
    assert (last.outcome, last.code) == (Outcome.FAIL, ErrorCode.FORGE_BAD_RESPONSE)


def test_three_deaths_of_forge_in_a_jobs_own_generation_are_enough() -> None:
    assert decide(FailureKind.UNREACHABLE, died=True) == Decision(Outcome.PUT_BACK, forge_deaths=1)
    last = decide(FailureKind.UNREACHABLE, Troubles(forge_deaths=2), died=True)
    assert (last.outcome, last.code) == (Outcome.FAIL, ErrorCode.FORGE_UNAVAILABLE)


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_kind_is_decided_and_no_job_is_tried_for_ever_within_an_attempt(kind: FailureKind) -> None:
    worn_out = Troubles(timeouts=3, memory_failures=1, bad_images=1)
    assert decide(kind, worn_out).outcome is not Outcome.RETRY


@pytest.mark.parametrize(
    ("deaths", "asked", "outcome"),
    [
        (0, False, Outcome.PUT_BACK),
        (1, False, Outcome.PUT_BACK),
        (2, False, Outcome.FAIL),
        (5, False, Outcome.FAIL),
        (0, True, Outcome.CANCEL),
        (2, True, Outcome.CANCEL),
    ],
)
def test_a_dead_workers_job_runs_again_until_it_has_killed_enough(deaths: int, asked: bool, outcome: Outcome) -> None:
    decision = rescue_decision(deaths=deaths, max_attempts=3, cancel_requested=asked)
    assert decision.outcome is outcome
    assert decision.deaths == (0 if asked else 1)


@pytest.mark.parametrize(
    ("silent_s", "loading", "stuck"),
    [(299, False, False), (300, False, True), (300, True, False), (599, True, False), (600, True, True)],
)
def test_a_loading_forge_may_be_silent_for_longer(silent_s: float, loading: bool, stuck: bool) -> None:
    assert is_stuck(silent_s=silent_s, forge_loading=loading, stuck_after_s=300, load_timeout_s=600) is stuck
