"""What a worker writes in one statement stands in the message as the deep merge of several would have put it."""

from typing import Any

import pytest

from shared.domain.jobs import Job, Stage, done_content, stored_view
from shared.domain.metadata import deep_merge
from shared.store import Claimant, Store
from tests.builders import stored_job

GPU = Claimant("gpu1@host", "boot", "http://forge")
HOOK = "https://chat.example.org/hook"
OWN: dict[str, Any] = {"chat": {"theme": "dark"}, "params": {"note": {"mine": True}}}


@pytest.fixture(params=[None, HOOK], ids=["alone", "with a callback"])
def job(request: pytest.FixtureRequest, store: Store) -> Job:
    stored_job(store, callback_url=request.param)
    change = store.claim(GPU, lease_s=30)
    assert change
    store.update_message(change.job.message_id, OWN)
    return change.job


def message(store: Store, job: Job) -> tuple[str, dict[str, Any]]:
    found = next(one for one in store.messages_page(job.conversation_id, before=None, limit=9) if one.role == "bot")
    return found.content, found.extra_metadata


def test_every_write_leaves_the_deep_merge(store: Store, job: Job) -> None:
    content, _ = message(store, job)
    for progress, stage in ((0, Stage.LOADING), (30, Stage.SAMPLING), (20, Stage.SAMPLING), (99, Stage.SAVING)):
        change = store.save_progress(job, progress=progress, stage=stage)
        assert change
        assert message(store, job) == (content, deep_merge(OWN, stored_view(change.job)))
    used = {**job.params, "seed": 7, "model": "flux ğü"}
    change = store.complete(job, image_name="flux_1.png", params=used)
    assert change
    assert change.job.progress == 100 and change.job.params == used and change.job.image_name == "flux_1.png"
    assert message(store, job) == (done_content("flux_1.png"), deep_merge(OWN, stored_view(change.job)))


def test_the_first_step_alone_begins_the_sampling(store: Store, job: Job) -> None:
    begun = [store.save_progress(job, progress=0, stage=stage) for stage in (Stage.LOADING, *2 * (Stage.SAMPLING,))]
    moments = [change.job.sampling_at for change in begun if change]
    assert moments[0] is None and moments[1] is not None and moments[2] == moments[1]


def test_what_holds_no_parameters_any_more_gets_them_whole(store: Store, job: Job) -> None:
    store.update_message(job.message_id, {"params": "thrown away"})
    change = store.complete(job, image_name="flux_1.png", params=job.params)
    assert change and message(store, job)[1]["params"] == job.params


def test_an_older_attempt_writes_nothing(store: Store, job: Job) -> None:
    store.put_back(job)
    before = message(store, job)
    assert store.save_progress(job, progress=50, stage=Stage.SAMPLING) is None
    assert store.complete(job, image_name="flux_1.png", params=job.params) is None
    assert message(store, job) == before
