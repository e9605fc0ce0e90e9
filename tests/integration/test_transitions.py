"""Every transition of a job is one log line."""

import json
import subprocess
import sys
from typing import Any

from structlog.testing import capture_logs

from shared.domain.errors import ErrorCode
from shared.domain.jobs import Stage
from shared.store import Change, Claimant, Store
from shared.transitions import log_transition
from tests.builders import ALICE, NO_CAPS, new_job, stored_job

GPU = Claimant("gpu1@here", "boot", "http://forge")


def told(*changes: Change | None) -> list[dict[str, Any]]:
    with capture_logs() as lines:
        for change in changes:
            assert change
            log_transition(change)
    return [dict(line) for line in lines]


def events(*changes: Change | None) -> list[str]:
    return [line["event"] for line in told(*changes) if line["log_level"] == "info"]


def test_a_job_is_told_from_its_acceptance_to_its_end(store: Store) -> None:
    accepted, _ = store.add_job(new_job(), ticket=1001, caps=NO_CAPS)
    claimed = store.claim(GPU, lease_s=30)
    assert claimed
    steps = [
        accepted,
        claimed,
        store.begin_try(claimed.job, "task"),
        store.save_progress(claimed.job, progress=30, stage=Stage.SAMPLING),
        store.complete(claimed.job, image_name="flux_0.png", params=claimed.job.params),
    ]
    lines = told(*steps)
    info = [line for line in lines if line["log_level"] == "info"]
    assert [line["event"] for line in info] == ["accepted", "claimed", "complete"]
    assert {line["job_id"] for line in lines} == {accepted.job.job_id}
    assert [(line["attempt"], line["worker"]) for line in info] == [(0, None), (1, GPU.worker), (1, GPU.worker)]
    assert info[0]["duration_s"] is None
    assert all(0 <= line["duration_s"] < 30 for line in info[1:])


def test_a_way_back_and_a_bad_end_are_told(store: Store) -> None:
    stored_job(store)
    first = store.claim(GPU, lease_s=30)
    assert first
    back = store.put_back(first.job)
    second = store.claim(GPU, lease_s=30)
    assert second
    failed = store.fail(second.job, ErrorCode.FORGE_REJECTED, retryable=False)
    assert events(first, back, second, failed) == ["claimed", "put back", "claimed", "error"]
    assert told(failed)[0]["error_code"] == "forge_rejected"


def test_a_job_that_never_began_tells_how_long_it_waited(store: Store) -> None:
    job = stored_job(store)
    moved, cancelled = store.move_to_front(job.job_id), store.cancel_job(job.job_id, ALICE)
    assert events(moved, cancelled) == ["moved", "cancelled"]
    assert told(cancelled)[0]["duration_s"] >= 0


def test_what_was_done_before_is_not_told_again(store: Store) -> None:
    job = stored_job(store)
    first, again = store.cancel_job(job.job_id, ALICE), store.cancel_job(job.job_id, ALICE)
    assert events(first, again) == ["cancelled"] and again.job == first.job
    stored_job(store)
    claimed = store.claim(GPU, lease_s=30)
    assert claimed
    done = store.complete(claimed.job, image_name="flux_1.png", params={})
    assert events(done, store.expire_image(claimed.job)) == ["complete"]


SPOKEN = """
import logging
from shared import logs
from shared.settings import Settings
logs.configure(Settings.from_env({"LOG_FORMAT": "json"}, while_up=False))
logs.only(request_id="r1")
logs.get_logger("a").info("accepted", job_id="j")
logging.getLogger("celery.worker.strategy").info("Task x received")
logging.getLogger("celery.apps.worker").info("ready", extra={"data": {"noise": 1}})
"""


def test_a_json_line_holds_what_machines_look_for() -> None:
    spoken = subprocess.run([sys.executable, "-c", SPOKEN], capture_output=True, text=True, check=True)
    first, second = [json.loads(line) for line in spoken.stderr.splitlines()]
    assert (first["event"], first["job_id"], first["request_id"], first["attempt"]) == ("accepted", "j", "r1", None)
    assert (second["event"], second["job_id"], "data" in second) == ("ready", None, False)
