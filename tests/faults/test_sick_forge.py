"""Forge hangs, dies, refuses, is poisoned or answers nonsense: each failure gets its own treatment."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import websocket

from shared.domain.jobs import Status
from tests.faults.judge import job_of
from tests.faults.stack import MARGIN_S, RESET_S, Stack
from tests.waiting import wait_for

#: a Forge outage is over this much after its end, at the latest (BREAKER_RESET_S + 5 s)
RESUMES_S = RESET_S + 5
OUTAGE_S = 10.0
WAITING = 8
MOST_CALLS = 16


def test_a_refusing_forge_burns_no_job_and_all_keep_their_places(stack: Stack) -> None:
    stack.post("/queue/pause")
    jobs = stack.submit_many(WAITING)
    stack.forge.order("POST", "refuse", seconds=OUTAGE_S)
    stack.post("/queue/resume")
    outlast_outage(stack, jobs, "10 Forge refused for 10 s")
    assert [stack.job(job_id).attempt for job_id in jobs] == [1] * WAITING


def test_a_held_line_and_its_end_are_told_to_every_socket(stack: Stack) -> None:
    socket = websocket.create_connection(f"ws://127.0.0.1:{stack.port}/ws", timeout=10)
    stack.forge.fault("status", status=503, times=0, where="all")
    job_id = stack.submit()
    (held,) = told(socket, lambda event: event["type"] == "queue" and event["held"])
    assert held["retry_at"] and held["waiting"] == 1
    assert (stack.view(job_id)["placeholder"], stack.view(job_id)["image_url"]) == (True, "/images/placeholder.svg")
    stack.forge.order("DELETE", "faults")
    with stack.stopwatch("10 Forge well again: the line is told to go on", within_s=RESUMES_S):
        _, done = told(
            socket,
            lambda event: event["type"] == "queue" and not event["held"],
            lambda event: event["type"] == "image_progress" and event["job"]["status"] == "complete",
        )
    assert (done["job"]["job_id"], done["job"]["placeholder"]) == (job_id, False)
    socket.close()


def told(socket: websocket.WebSocket, *wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Read a socket until every event that is wanted has come, in whatever order; gives the first of each."""
    found: dict[int, dict[str, Any]] = {}
    while len(found) < len(wanted):
        event: dict[str, Any] = json.loads(socket.recv())
        for at, is_it in enumerate(wanted):
            if is_it(event):
                found.setdefault(at, event)
    return [found[at] for at in range(len(wanted))]


def test_a_poisoned_forge_burns_no_job_and_all_keep_their_places(stack: Stack) -> None:
    stack.post("/queue/pause")
    jobs = stack.submit_many(WAITING)
    stack.forge.fault("poisoned", times=0)
    stack.post("/queue/resume")
    healing = stack.elsewhere(lambda: heal_after(stack, OUTAGE_S))
    outlast_outage(stack, jobs, "10 Forge poisoned for 10 s")
    healing.result(5)
    assert len(stack.seen("arrive")) <= WAITING + MOST_CALLS


def outlast_outage(stack: Stack, jobs: list[str], fault: str) -> None:
    """See the line held with its places, then drawn in order soon after the outage."""
    wait_for(lambda: stack.status()["queue"]["held"], what="the line to be held")
    status = stack.status()
    assert status["workers"][0]["circuit"]["state"] == "open"
    assert status["queue"]["retry_at"] == status["workers"][0]["circuit"]["retry_at"] is not None
    views = [stack.view(job_id) for job_id in jobs]
    assert [view["queue_position"] for view in views] == list(range(1, WAITING + 1))
    assert {(view["status"], view["stage"], view["image_url"]) for view in views} == {
        ("queued", "held", "/images/placeholder.svg")
    }
    with stack.stopwatch(f"{fault}, 8 waiting: all drawn", within_s=OUTAGE_S + RESUMES_S + MARGIN_S):
        stack.wait_all(jobs)
    assert stack.order_drawn() == jobs
    wait_for(lambda: not stack.status()["queue"]["held"], timeout_s=MARGIN_S, what="the line to go on")
    stack.assert_clean(jobs)


def heal_after(stack: Stack, seconds: float) -> None:
    """Take the faults away when so long nothing was drawn."""
    try:
        wait_for(lambda: False, timeout_s=seconds)
    except AssertionError:
        stack.forge.order("DELETE", "faults")


def test_a_forge_killed_in_the_middle_costs_an_attempt_and_three_times_the_job(stack: Stack) -> None:
    stack.forge.settings(job_seconds=30)
    unlucky, other = stack.submit_many(2)
    for attempt in (1, 2, 3):
        stack.forge.wait_for("start", task=f"{unlucky}-{attempt}-1")
        stack.wait_job(unlucky, lambda job: job.progress > 0 or job.sampling_at is not None)
        stack.forge.kill()
        stack.forge.start()
        if attempt < 3:
            stack.forge.settings(job_seconds=30)
            with stack.stopwatch(f"10 Forge killed, time {attempt}: claimed again", within_s=RESUMES_S):
                stack.wait_job(unlucky, lambda job, n=attempt: job.attempt == n + 1)  # type: ignore[misc]
    job = stack.wait_job(unlucky, lambda job: job.terminal)
    assert (job.status, job.error_code, job.deaths) == (Status.ERROR, "forge_unavailable", 0)
    stack.wait_all([other])


def test_with_one_forge_dead_the_other_draws_the_line_in_order(stack: Stack) -> None:
    stack.forge.settings(job_seconds=30)
    stack.forges[1].settings(job_seconds=0.1)
    jobs = stack.submit_many(1 + WAITING)
    stack.running(jobs[0])
    stack.forge.kill()
    with stack.guest("gpu2", forge=1):
        stack.wait_all(jobs)
    drawn = [job_of(entry) for entry in stack.forges[1].log()["entries"] if entry["event"] == "arrive"]
    assert drawn == jobs
    stack.forge.start()
    stack.assert_clean(jobs)


def test_a_hanging_forge_is_tried_four_times_then_told_in_the_promised_words(stack: Stack) -> None:
    stack.restart("gpu1", FORGE_TIMEOUT_S="2")
    stack.forge.fault("hang", times=4)
    job_id = stack.submit(locale="tr")
    with stack.stopwatch("10 hanging Forge: 4 tries of 2 s, waits of 1, 2, 4 s", within_s=15 + MARGIN_S):
        job = stack.wait_job(job_id, lambda job: job.terminal, timeout_s=40)
    assert (job.error_code, job.retryable) == ("forge_timeout", True)
    assert job.error == "Forge API zaman aşımına uğradı (2s). Lütfen tekrar deneyin."
    tasks = [f"{job_id}-1-{number}" for number in (1, 2, 3, 4)]
    assert [entry["task"] for entry in stack.seen("arrive")] == tasks
    assert [entry["task"] for entry in stack.seen("interrupt")] == tasks
    starts, ends = ([entry["t"] for entry in stack.seen(event)] for event in ("start", "end"))
    waits = [start - end for start, end in zip(starts[1:], ends, strict=False)]
    assert all(delay - 0.1 <= wait < delay + 1.5 for delay, wait in zip((1, 2, 4), waits, strict=True)), waits
    again = stack.post(f"/image/job/{job_id}/retry")
    assert again.status_code == 202
    stack.wait_all([again.json()["job_id"]])


def test_three_rounds_of_a_plain_500_fail_that_job_and_not_the_line(stack: Stack) -> None:
    stack.post("/queue/pause")
    bad, good = stack.submit_many(2)
    stack.forge.fault("status", status=500, times=3)
    stack.post("/queue/resume")
    stack.wait_all([good])
    job = stack.job(bad)
    assert (job.status, job.error_code, job.attempt, job.bad_rounds) == (Status.ERROR, "forge_bad_response", 3, 2)


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 503}, {"kind": "not_found"}])
def test_a_forge_that_is_away_for_a_proxy_or_boots_fails_no_job(stack: Stack, fault: dict[str, object]) -> None:
    stack.forge.order("POST", "faults", times=4, **fault)
    job_id = stack.submit()
    job = stack.wait_job(job_id, lambda job: job.terminal)
    assert (job.status, job.forge_deaths, job.bad_rounds, job.deaths) == (Status.COMPLETE, 0, 0, 0)


@pytest.mark.parametrize(
    ("kind", "times", "code", "tries"),
    [
        ("oom", 1, None, 2),
        ("oom", 2, "forge_out_of_memory", 2),
        ("empty", 1, None, 2),
        ("truncated", 2, "forge_bad_response", 2),
        ("wrong_size", 2, "forge_bad_response", 2),
        ("not_json", 2, "forge_bad_response", 2),
        ("not_image", 2, "forge_bad_response", 2),
        ("type_error", 1, "forge_rejected", 1),
    ],
)
def test_what_cannot_help_is_tried_once_more_at_most(
    stack: Stack, kind: str, times: int, code: str | None, tries: int
) -> None:
    stack.forge.fault(kind, times=times)
    job_id = stack.submit()
    job = stack.wait_job(job_id, lambda job: job.terminal)
    assert (job.error_code, job.attempt) == (code, 1)
    assert [entry["task"] for entry in stack.seen("arrive")] == [f"{job_id}-1-{n + 1}" for n in range(tries)]


def test_a_wrong_password_is_told_and_burns_nothing(stack: Stack) -> None:
    stack.forge.settings(auth="someone:else")
    jobs = stack.submit_many(2)
    wait_for(lambda: stack.status()["workers"][0]["problem"] == "unauthorized", what="unauthorized")
    assert stack.status()["workers"][0]["circuit"]["failures"] == 0
    assert [stack.job(job_id).attempt for job_id in jobs] == [0, 0]
    assert 1 <= stack.parts["gpu1"].said("unauthorized") <= 5
    stack.forge.settings(auth="")
    with stack.stopwatch("10 password mended: all drawn", within_s=MARGIN_S):
        stack.wait_all(jobs)
    assert stack.status()["workers"][0]["problem"] is None


def test_a_lost_connection_is_no_second_generation(stack: Stack) -> None:
    stack.forge.fault("drop", at=0.2)
    stack.forge.settings(job_seconds=20)
    job_id = stack.submit()
    stack.forge.wait_for("interrupt")
    stack.forge.settings(job_seconds=0.1)
    stack.wait_all([job_id])
    assert job_of(stack.seen("end")[0]) == job_id
    assert stack.seen("end")[0]["outcome"] == "interrupted"
    stack.assert_clean([job_id])
