"""Ends that come from outside: cancels in every state, a stuck job, a full disk."""

import time

import psutil

from beat.duties import compose
from beat.stuck import cleanup_stuck_image_jobs
from shared.domain.jobs import Stage, Status
from shared.settings import Settings
from tests.faults.stack import MARGIN_S, SHORT, Stack
from tests.waiting import wait_for

#: Forge is interrupted within a poll period (0.2 s here)
CANCELLED_S = 2.0


def test_a_waiting_job_is_cancelled_at_once_and_the_places_behind_it_move(stack: Stack) -> None:
    stack.post("/queue/pause")
    jobs = stack.submit_many(3)
    assert stack.cancel(jobs[0]).status_code == 200
    assert [stack.view(job_id)["queue_position"] for job_id in jobs] == [0, 1, 2]
    assert stack.cancel(jobs[0]).json()["status"] == "cancelled"
    stack.post("/queue/resume")
    stack.wait_all(jobs[1:])
    assert stack.order_drawn() == jobs[1:]
    assert stack.cancel(jobs[1]).status_code == 409


def test_a_drawing_job_is_cancelled_within_a_poll_and_the_next_begins(stack: Stack) -> None:
    stack.forge.settings(job_seconds=30)
    running, waiting = stack.submit_many(2)
    stack.running(running)
    answer = stack.cancel(running)
    assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
    with stack.stopwatch("13 cancel while drawing: cancelled", within_s=CANCELLED_S):
        job = stack.wait_job(running, lambda job: job.terminal)
    assert (job.status, job.error_code) == (Status.CANCELLED, "cancelled")
    stack.forge.wait_for("start", task=f"{waiting}-1-1")
    assert [entry["task"] for entry in stack.seen("interrupt")] == [f"{running}-1-1"]
    stack.forge.settings(job_seconds=0.1)
    assert stack.cancel(running).status_code == 200
    stack.wait_all([waiting], timeout_s=60)
    stack.assert_clean([waiting])


def test_a_job_between_two_tries_is_cancelled_at_once(stack: Stack) -> None:
    stack.restart("gpu1", FORGE_TIMEOUT_S="1", FORGE_RETRY_DELAYS_S="60")
    stack.forge.fault("hang")
    job_id = stack.submit()
    stack.forge.wait_for("end", task=f"{job_id}-1-1")
    wait_for(lambda: stack.parts["gpu1"].said("timeout"), what="the first try to be given up")
    stack.cancel(job_id)
    with stack.stopwatch("13 cancel between tries: cancelled", within_s=CANCELLED_S):
        stack.wait_all([job_id], Status.CANCELLED)


def test_a_held_job_is_cancelled_at_once(stack: Stack) -> None:
    stack.forge.fault("status", status=503, times=0, where="all")
    job_id = stack.submit()
    wait_for(lambda: stack.view(job_id)["stage"] == "held", what="a held job")
    assert stack.cancel(job_id).status_code == 200
    stack.wait_all([job_id], Status.CANCELLED)


def test_a_job_cancelled_while_its_worker_is_dead_is_cancelled_and_not_drawn_again(stack: Stack) -> None:
    stack.forge.settings(job_seconds=30)
    job_id = stack.submit()
    stack.running(job_id)
    stack.parts["gpu1"].kill()
    assert stack.cancel(job_id).status_code == 202
    stack.wait_all([job_id], Status.CANCELLED)
    assert len(stack.seen("arrive")) == 1


def test_a_deleted_conversation_stops_what_is_drawn_for_it(stack: Stack) -> None:
    stack.forge.settings(job_seconds=30)
    job_id = stack.submit()
    stack.running(job_id)
    conversation = stack.view(job_id)["conversation_id"]
    assert stack.http.delete(stack.url(f"/conversations/{conversation}"), timeout=10).status_code == 204
    (end,) = stack.forge.wait_for("end", task=f"{job_id}-1-1")
    assert end["outcome"] == "interrupted"
    assert stack.store.job(job_id) is None


def test_a_stuck_job_is_told_in_the_promised_words_and_the_gpu_is_freed(stack: Stack) -> None:
    addresses = {"DATABASE_URL": stack.postgres.url, "REDIS_URL": stack.redis.url, "DATA_DIR": str(stack.folder)}
    duties = compose(Settings.from_env({**SHORT, **addresses, "STUCK_AFTER_S": "2"}, while_up=False))
    stack.forge.fault("hang")
    stuck = stack.submit(locale="tr")
    other = stack.submit()
    stack.running(stuck)
    began = time.monotonic()
    wait_for(lambda: cleanup_stuck_image_jobs(duties), what="the guard to find it")
    assert time.monotonic() - began >= 1.0
    job = stack.job(stuck)
    assert (job.status, job.error_code, job.retryable) == (Status.ERROR, "stuck", True)
    assert job.error == "İşlem zaman aşımına uğradı (Stuck Job Guard)"
    with stack.stopwatch("stuck job told: GPU freed, the next drawn", within_s=MARGIN_S):
        stack.wait_all([other])
    assert [entry["task"] for entry in stack.seen("interrupt")] == [f"{stuck}-1-1"]
    duties.store.close()


def test_a_full_disk_fails_the_job_leaves_no_half_file_and_passes(stack: Stack) -> None:
    stack.forge.settings(payload="noise")
    before = files(stack)
    child = stack.parts["gpu1"].child()
    child.rlimit(psutil.RLIMIT_FSIZE, (300_000, psutil.RLIM_INFINITY))
    full = stack.submit("full", width=512, height=512)
    job = stack.wait_job(full, lambda job: job.terminal)
    assert (job.status, job.error_code, job.retryable) == (Status.ERROR, "internal", True)
    assert files(stack) == before
    later = stack.submit("later", width=512, height=512)
    stack.wait_job(later, lambda job: job.stage is Stage.SAVING)
    child.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    stack.wait_all([later])
    assert len(stack.seen("arrive")) == 2
    assert len(files(stack)) == len(before) + 1
    stack.assert_clean([later])


def files(stack: Stack) -> set[str]:
    """Return every file below the images' folder."""
    return {str(path) for path in (stack.folder / "images").rglob("*") if path.is_file()}
