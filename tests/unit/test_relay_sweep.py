"""A sweep goes at the pace of those who read, and waits only so long for one who does not."""

from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from api.relay import dispatcher
from tests.relay_client import job
from tests.relay_stage import ALICE, RelayStage

THOUSAND = 1000
LONG = "x" * 2000


@pytest.fixture
def stage() -> Iterator[RelayStage]:
    stage = RelayStage()
    stage.session.welcome(ALICE)
    gevent.sleep(0.01)
    stage.read()
    yield stage
    stage.close()


def begin(stage: RelayStage) -> "gevent.Greenlet[[], int]":
    """Start a sweep of a thousand changes, and return when it waits for the browser."""
    for number in range(THOUSAND):
        stage.feed.commit(job(f"job-{number}", prompt=LONG))
    sweep = gevent.spawn(stage.sweep.once)
    while not stage.session.outbox.crowded:
        gevent.sleep(0)
    return sweep


def hear(stage: RelayStage, count: int) -> list[tuple[str, int]]:
    """Read until so many changes have come; returns their jobs and versions."""
    heard: list[Any] = []
    with gevent.Timeout(10):
        while len(heard) < count:
            heard += [event["job"] for event in stage.read() if event["type"] == "image_progress"]
            gevent.sleep(0)
    return [(told["job_id"], told["version"]) for told in heard]


def test_who_begins_to_read_late_hears_every_change_of_a_long_sweep(stage: RelayStage) -> None:
    sweep = begin(stage)
    assert hear(stage, THOUSAND) == [(f"job-{number}", 1) for number in range(THOUSAND)]
    assert sweep.get(timeout=5) == THOUSAND


def test_who_never_reads_is_closed_and_the_sweep_ends(stage: RelayStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "SWEPT_PATIENCE_S", 0.05)
    assert begin(stage).get(timeout=10) == THOUSAND
    assert stage.session.connection.closing


def test_a_change_that_was_overtaken_while_the_sweep_waited_is_not_told(stage: RelayStage) -> None:
    sweep = begin(stage)
    last = f"job-{THOUSAND - 1}"
    stage.publish(job(last, version=2))
    heard = hear(stage, THOUSAND)
    assert sweep.get(timeout=5) == THOUSAND - 1
    assert (last, 2) in heard
    assert (last, 1) not in heard
