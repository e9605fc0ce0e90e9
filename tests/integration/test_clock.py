"""The clock: it rings for every duty, whatever the machine's clock does, and is small."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from celery import Celery
from celery.beat import ScheduleEntry

from beat.app import Clock, Period, app, schedule
from beat.duties import Duties
from shared.queues import CLOCKS_APART_S
from shared.wakeups import sending_app
from tests.stack import clean_environment


def test_the_clock_rings_each_duty_as_often_as_the_settings_say(duties: Duties) -> None:
    settings = duties.settings.model_copy(update={"rescue_every_s": 3.0, "cleanup_every_s": 7.0})
    rhythm = {name: row["schedule"] for name, row in schedule(settings).items()}
    assert (rhythm["rescue"], rhythm["reconcile"], rhythm["cleanup"]) == (Period(3.0), Period(3.0), Period(7.0))


def test_a_clock_that_was_set_back_stops_no_duty(duties: Duties) -> None:
    last = datetime.now(UTC) + timedelta(hours=3)
    for name, row in schedule(duties.settings).items():
        entry = ScheduleEntry(name, row["task"], last, schedule=row["schedule"], app=app)
        assert entry.is_due().is_due
        assert not next(entry).is_due().is_due, "it was done just now"


def test_a_clock_that_is_set_back_while_it_runs_stops_no_duty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, rung = [datetime.now(UTC)], []
    monkeypatch.setattr(Celery, "now", lambda _: now[0])
    monkeypatch.setattr(Clock, "producer", None)
    clock = Clock(app, schedule_filename=str(tmp_path / "var" / "schedule"))
    monkeypatch.setattr(clock, "apply_entry", lambda entry, **_: rung.append(entry.name))

    def ring_until(moment: datetime) -> set[str]:
        rung.clear()
        while now[0] < moment:
            now[0] += timedelta(seconds=max(clock.tick(), 0.001))
        return set(rung)

    try:
        duties = ring_until(now[0] + timedelta(minutes=20))
        assert duties == set(app.conf.beat_schedule)
        now[0] -= timedelta(hours=3)
        assert ring_until(now[0] + timedelta(seconds=1)) == duties
        assert len(rung) == len(duties), "each once"
        assert ring_until(now[0] + timedelta(minutes=20)) == duties
    finally:
        clock.close()


def test_a_duty_reaches_a_maintenance_worker_whose_clock_is_ahead(duties: Duties, redis_url: str) -> None:
    ahead = datetime.now(UTC) + timedelta(seconds=CLOCKS_APART_S)
    for row in schedule(duties.settings.model_copy(update={"webhook_hosts": ("hooks.example.com",)})).values():
        options = cast(dict[str, float], row["options"])
        message = sending_app(redis_url).amqp.as_task_v2("id", str(row["task"]), **options)
        assert datetime.fromisoformat(message.headers["expires"]) > ahead, row["task"]


def test_the_clock_loads_nothing_of_what_the_duties_need() -> None:
    question = "import sys, beat.app; print({'sqlalchemy', 'psycopg2', 'beat.duties'} & set(sys.modules))"
    said = subprocess.run(
        [sys.executable, "-c", question], text=True, capture_output=True, check=True, env=clean_environment({})
    )
    assert said.stdout.strip() == "set()"
