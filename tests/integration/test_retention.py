"""Old pictures go, messages stay."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from beat.duties import Duties, compose
from beat.retention import retain
from shared.domain.jobs import Job
from shared.settings import Settings
from shared.store import Claimant, Store
from tests.builders import stored_job

CLAIMANT = Claimant("gpu1@here", "boot", "http://forge")
PICTURE = b"\x89PNG" + bytes(996)
Compose = Callable[..., Duties]


@pytest.fixture
def duties(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Compose]:
    made: list[Duties] = []

    def build(**settings: str) -> Duties:
        given = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "DATA_DIR": str(tmp_path), **settings}
        made.append(compose(Settings.from_env(given, while_up=False)))
        return made[-1]

    yield build
    for one in made:
        one.store.close()


def drawn(duties: Duties, *, days_ago: float = 0, **values: Any) -> Job:
    """A complete job whose picture is that old."""
    stored_job(duties.store, **values)
    claimed = duties.store.claim(CLAIMANT, lease_s=60)
    assert claimed
    name = duties.images.save(PICTURE)
    done = duties.store.complete(claimed.job, image_name=name, params=claimed.job.params)
    assert done
    with duties.store.engine.begin() as connection:
        moment = datetime.now(UTC) - timedelta(days=days_ago)
        age = text("UPDATE jobs SET finished_at = :moment WHERE job_id = :job_id")
        connection.execute(age, {"moment": moment, "job_id": done.job.job_id})
    return done.job


def metadata(store: Store, job: Job) -> dict[str, Any]:
    (message,) = [m for m in store.messages_page(job.conversation_id, before=None, limit=9) if m.id == job.message_id]
    return message.extra_metadata


def has_picture(duties: Duties, job: Job) -> bool:
    return duties.images.exists(str(job.image_name))


def test_nothing_goes_unless_asked_for(duties: Compose) -> None:
    here = duties()
    job = drawn(here, days_ago=1000)
    assert retain(here) == 0
    assert has_picture(here, job)


def test_a_picture_past_its_days_goes_with_its_address_and_its_message_stays(duties: Compose) -> None:
    here = duties(IMAGE_RETENTION_DAYS="30")
    old, young = drawn(here, days_ago=31), drawn(here, days_ago=29)
    assert retain(here) == 1
    assert not has_picture(here, old)
    assert has_picture(here, young)
    told = metadata(here.store, old)
    assert (told["image_expired"], told["image_url"], told["status"]) == (True, None, "complete")
    assert told["prompt"] == old.prompt
    now = here.store.job(old.job_id)
    assert now and now.image_expired and now.version > old.version
    assert retain(here) == 0


def test_any_number_of_days_may_be_asked_for(duties: Compose) -> None:
    here = duties(IMAGE_RETENTION_DAYS="9999999", IMAGE_RETENTION_GB="0.000001")  # one picture of a thousand bytes
    old, young = drawn(here, days_ago=2), drawn(here)
    assert retain(here) == 1
    assert (has_picture(here, old), has_picture(here, young)) == (False, True)


def test_a_picture_goes_and_its_callback_is_not_sent_again(duties: Compose) -> None:
    here = duties(IMAGE_RETENTION_DAYS="30")
    one, another = (drawn(here, days_ago=31, callback_url="https://hooks.example/a") for _ in range(2))
    with here.store.engine.begin() as connection:  # one is settled and forgotten, the other is still kept
        connection.execute(text("DELETE FROM webhook_outbox WHERE job_id = :job_id"), {"job_id": one.job_id})
    assert retain(here) == 2
    assert not has_picture(here, one) and not has_picture(here, another)
    with here.store.engine.begin() as connection:
        assert connection.execute(text("SELECT job_id FROM webhook_outbox")).scalars().all() == [another.job_id]


def test_the_oldest_go_until_the_rest_fits(duties: Compose) -> None:
    here = duties(IMAGE_RETENTION_GB="0.000003")  # three pictures of a thousand bytes
    jobs = [drawn(here, days_ago=days) for days in (5, 4, 3, 2, 1)]
    assert retain(here) == 2
    assert [has_picture(here, job) for job in jobs] == [False, False, True, True, True]


def test_a_picture_that_was_lost_makes_no_room(duties: Compose) -> None:
    here = duties(IMAGE_RETENTION_GB="0.000002")  # two pictures of a thousand bytes
    lost, *others = (drawn(here, days_ago=days) for days in (4, 3, 2, 1))
    here.images.delete(str(lost.image_name))
    retain(here)
    assert [has_picture(here, job) for job in (lost, *others)] == [False, False, True, True]


def test_a_picture_no_job_shows_takes_no_other_ones_room(duties: Compose) -> None:
    here = duties(IMAGE_RETENTION_GB="0.000002")  # two pictures of a thousand bytes
    shown = [drawn(here, days_ago=days) for days in (2, 1)]
    here.images.save(PICTURE)  # its conversation was deleted while the store failed
    assert retain(here) == 0
    assert all(has_picture(here, job) for job in shown)


def test_a_picture_no_job_shows_goes_once_it_is_no_longer_being_stored(duties: Compose) -> None:
    here = duties()
    job, orphan = drawn(here), here.images.save(PICTURE)
    assert retain(here) == 0
    later = datetime.now(UTC) + timedelta(hours=2)
    assert retain(here, now=lambda: later) == 1
    assert not here.images.exists(orphan)
    assert has_picture(here, job)


def test_what_a_dead_writer_left_goes(duties: Compose, tmp_path: Path) -> None:
    here = duties()
    drawn(here)
    part = tmp_path / "images" / ".parts" / "0123"
    part.write_bytes(b"half")
    os.utime(part, (0, 0))
    retain(here)
    assert not part.exists()


def test_only_one_of_two_maintenance_workers_retains(duties: Compose) -> None:
    here = duties(IMAGE_RETENTION_DAYS="1")
    job = drawn(here, days_ago=2)
    with here.store.sweep_lock("retention") as mine:
        assert mine
        assert retain(here) == 0
    assert has_picture(here, job)


def test_an_image_store_that_fails_is_told_and_tried_again(duties: Compose, tmp_path: Path) -> None:
    here = duties(IMAGE_RETENTION_DAYS="1")
    job = drawn(here, days_ago=2)
    picture = tmp_path / "images" / str(job.image_name)
    content = picture.read_bytes()
    picture.unlink()
    picture.mkdir()
    assert retain(here) == 0
    picture.rmdir()
    picture.write_bytes(content)
    later = datetime.now(UTC) + timedelta(hours=2)
    assert retain(here, now=lambda: later) == 1
