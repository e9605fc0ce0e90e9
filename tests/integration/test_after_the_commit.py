"""Once a change is stored its answer says so, whatever fails after the commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

import psycopg2
import pytest
from psycopg2.extensions import cursor
from sqlalchemy import event

from api.context import EXTENSION, Context
from shared.images import open_image_store
from shared.store import Store, StoreUnavailable
from tests.builders import ALICE, PARAMS, stored_job
from tests.door_world import GPU, World, png, world
from tests.waiting import wait_for


@pytest.fixture
def alices(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[World]:
    with world(database_url, redis_url, tmp_path) as made:
        yield made


def context_of(alices: World) -> Context:
    found: Context = alices.app.extensions[EXTENSION]
    return found


def ask(alices: World, method: str, path: str, **more: Any) -> tuple[int, Any]:
    """Return the status and the content of an answer to alice."""
    answer = alices.ask("owner", method, path, **more)
    return answer.status_code, answer.json


def submit(alices: World) -> tuple[int, Any]:
    return ask(alices, "POST", "/image/generate", json={"prompt": "x"})


def away(*_: object) -> NoReturn:
    raise StoreUnavailable("away")


@contextmanager
def answers_lost(store: Store, *, stored: bool = True, comes_back: bool = True) -> Iterator[list[Any]]:
    """Let the connection break under the next submission, after it was carried out or before; so long, or only once.

    What was submitted so stands in the list, each as the driver is given it.
    """
    submissions: list[Any] = []
    over = Event()

    class Broken(cursor):  # type: ignore[misc]  # the driver has no types
        def execute(self, query: Any, values: Any = None) -> None:
            breaks = not over.is_set() and ("INSERT INTO jobs" in str(query) or (submissions and not comes_back))
            if stored or not breaks:
                super().execute(query, values)
            if breaks:
                submissions.append((query, values))
                self.connection.close()
                raise psycopg2.OperationalError("server closed the connection unexpectedly")

    def use(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.cursor_factory = Broken

    engine = store._engine("AUTOCOMMIT")
    event.listen(engine, "checkout", use)
    yield submissions
    over.set()
    assert submissions


@contextmanager
def commits_lost(store: Store) -> Iterator[None]:
    """Let the connection break under the next commit, after it was carried out."""
    commits: list[Any] = []

    def carry_out(connection: Any) -> None:
        if not commits:
            commits.append(connection.connection.driver_connection)
            commits[0].commit()
            commits[0].close()

    event.listen(store.engine, "commit", carry_out)
    yield
    assert commits


def test_a_deleted_conversation_is_gone_though_the_image_store_fails(alices: World, tmp_path: Path) -> None:
    images = open_image_store(f"file://{tmp_path}/images")
    conversation = alices.waiting.conversation_id
    stored_job(alices.store, conversation_id=conversation)
    names = []
    for _ in range(2):
        change = alices.store.claim(GPU, lease_s=60)
        assert change and change.job.conversation_id == conversation
        names.append(images.save(png()))
        alices.store.complete(change.job, image_name=names[-1], params=PARAMS)
    stubborn = tmp_path / "images" / names[0]
    stubborn.unlink()
    stubborn.mkdir()
    assert alices.ask("owner", "DELETE", f"/conversations/{conversation}").status_code == 204
    assert alices.ask("owner", "GET", f"/conversations/{conversation}/messages").status_code == 404
    assert not images.exists(names[1])


def test_a_submission_whose_answer_was_lost_is_answered_202_once_it_is_found(alices: World) -> None:
    here = context_of(alices)
    here.processor.index.begin_epoch("epoch")
    with answers_lost(here.store):
        status, job = submit(alices)
    assert status == 202
    assert [one.job_id for one in alices.store.unfinished_jobs(ALICE.user_id)].count(job["job_id"]) == 1
    assert here.processor.index.place(job["job_id"]) == (1, 1)


def test_a_submission_that_was_lost_on_its_way_stays_503_and_leaves_nothing(
    alices: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    context_of(alices).processor.doubts._settled_s = 0
    here, before = context_of(alices), alices.store.unfinished_jobs(ALICE.user_id)
    here.processor.index.begin_epoch("epoch")
    with answers_lost(here.store, stored=False):
        status, problem = submit(alices)
    assert (status, problem["code"]) == (503, "queue_unavailable")
    assert alices.store.unfinished_jobs(ALICE.user_id) == before
    assert here.processor.index.total() == 0
    wait_for(lambda: "answered 503 and not stored" in caplog.text, what="the end of the doubt")


def test_a_submission_that_cannot_be_looked_for_stays_503_and_is_withdrawn(alices: World) -> None:
    here, before = context_of(alices), alices.store.unfinished_jobs(ALICE.user_id)
    here.processor.index.begin_epoch("epoch")
    with answers_lost(here.store, comes_back=False):
        status, problem = submit(alices)
        (found,) = (job for job in alices.store.unfinished_jobs(ALICE.user_id) if job not in before)
        here.processor.index.note([found])  # as the reconciler does with what is stored
    assert (status, problem["code"]) == (503, "queue_unavailable")
    wait_for(lambda: alices.store.unfinished_jobs(ALICE.user_id) == before, what="the job to be gone")
    wait_for(lambda: here.processor.index.scores() == {}, what="the line to be without it")


def test_a_submission_that_is_carried_out_only_later_is_withdrawn(alices: World) -> None:
    store, before = context_of(alices).store, alices.store.unfinished_jobs(ALICE.user_id)
    looks: list[Any] = []
    with answers_lost(store, stored=False) as lost:
        status, _ = submit(alices)
    assert status == 503
    event.listen(store._engine("AUTOCOMMIT"), "after_cursor_execute", lambda *about: looks.append(about[2]))
    wait_for(lambda: looks, what="a look that finds nothing")
    with alices.store.engine.begin() as connection:
        late = connection.connection.cursor()
        late.execute(*lost[0])
        assert late.rowcount == 1
    wait_for(lambda: alices.store.unfinished_jobs(ALICE.user_id) == before, what="the job to be gone")


def test_a_retry_whose_answer_was_lost_is_answered_202_once_it_is_found(alices: World) -> None:
    with commits_lost(context_of(alices).store):
        status, job = ask(alices, "POST", f"/image/job/{alices.failed.job_id}/retry")
    assert (status, job["retry_of"]) == (202, alices.failed.job_id)
    assert alices.store.job(job["job_id"])


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/image/job/{failed}/retry"), ("DELETE", "/image/job/{working}/cancel")]
)
def test_what_was_stored_is_answered_though_nothing_more_can_be_read(
    alices: World, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    here = context_of(alices)
    here.live.forget()
    monkeypatch.setattr(here.store, "live_workers", away)  # the first thing a view reads; what stores goes on
    status, job = ask(alices, method, path.format(failed=alices.failed.job_id, working=alices.working.job_id))
    assert status == 202
    stored = alices.store.job(job["job_id"])
    assert stored and (stored.status, stored.cancel_requested) == (job["status"], job["cancel_requested"])
