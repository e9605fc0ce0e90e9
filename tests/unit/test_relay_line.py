"""What a look at the line tells a socket is judged by what that socket was told last, also after looks that failed."""

from collections.abc import Collection, Iterator
from typing import Any

import gevent
import pytest

from api.relay import line as line_module
from api.relay import session as session_module
from api.relay.line import Line
from api.relay.ports import LineView, Place
from api.relay.room import READERS
from shared.domain.errors import QueueUnavailable
from shared.domain.identity import Identity
from tests.relay_client import job
from tests.relay_stage import ALICE, TOTALS, MemoryFeed, RelayStage


class LineFeed(MemoryFeed):
    """Alice's one job stands where the test says; the line cannot be looked at while it is `away`."""

    def __init__(self) -> None:
        super().__init__()
        self.held = self.away = False
        self.position = 1

    def snapshot(self, identity: Identity) -> dict[str, Any]:
        jobs = [job("a", queue_position=self.position)]
        return {"jobs": jobs, "queue": {**TOTALS, "held": self.held}, "truncated": False}

    def line(self, members: Collection[str]) -> LineView:
        view = LineView({**TOTALS, "held": self.held}, [Place(ALICE.members, "a", self.position, None)])
        away = self.away
        self.gate.wait()
        if away:
            raise QueueUnavailable("away")
        return view


class LineStage(RelayStage):
    """A browser that a snapshot told something else than the last look found."""

    def __init__(self) -> None:
        super().__init__()
        self.line_feed = self.room.feed = LineFeed()
        self.line = Line(self.line_feed, self.dispatcher, self.room)
        self.line.once()
        self.snapshot(held=True, position=2)

    def snapshot(self, *, held: bool, position: int) -> None:
        """Let a snapshot tell this."""
        self.line_feed.held, self.line_feed.position = held, position
        if self.room.registry:
            self.room.snapshot_told(self.session, self.line_feed.snapshot(ALICE))
        else:
            self.session.welcome(ALICE)
            while self.session._told_at is None:
                gevent.sleep(0)
        self.read()

    def look(self, *, held: bool, position: int) -> list[tuple[bool, list[int]]]:
        """Look at the line as it is then; return what the browser was told: held, and its job's place."""
        self.line_feed.away = False
        self.line_feed.held, self.line_feed.position = held, position
        self.line.once()
        told = [event for event in self.read() if event["type"] == "queue"]
        return [(event["held"], [row["queue_position"] for row in event["jobs"]]) for event in told]


@pytest.fixture
def stage() -> Iterator[LineStage]:
    stage = LineStage()
    yield stage
    stage.close()


def test_what_a_snapshot_told_is_put_right_after_a_look_that_failed(stage: LineStage) -> None:
    stage.line_feed.away = True
    with pytest.raises(QueueUnavailable):
        stage.line.once()
    assert stage.look(held=False, position=1) == [(False, [1])]
    assert stage.look(held=False, position=1) == []


def test_a_look_that_fails_does_not_forget_a_snapshot_that_was_told_meanwhile(stage: LineStage) -> None:
    stage.line_feed.away = True
    stage.line_feed.gate.clear()
    looking = gevent.spawn(stage.line.once)
    gevent.sleep(0)
    stage.snapshot(held=False, position=3)
    stage.line_feed.gate.set()
    with pytest.raises(QueueUnavailable):
        looking.get()
    assert stage.look(held=False, position=3) == []


def test_who_was_told_a_younger_snapshot_during_a_look_is_not_told_what_the_look_found(stage: LineStage) -> None:
    stage.line_feed.gate.clear()
    stage.line_feed.held, stage.line_feed.position = False, 5
    looking = gevent.spawn(stage.line.once)
    gevent.sleep(0)
    stage.snapshot(held=True, position=3)
    stage.line_feed.gate.set()
    looking.get()
    assert [event for event in stage.read() if event["type"] == "queue"] == []
    assert stage.look(held=True, position=3) == []
    assert stage.look(held=False, position=2) == [(False, [2])]


def test_a_socket_that_left_during_a_look_that_failed_is_not_kept(stage: LineStage) -> None:
    stage.line_feed.away = True
    stage.line_feed.gate.clear()
    looking = gevent.spawn(stage.line.once)
    gevent.sleep(0)
    stage.session.dispose()
    stage.line_feed.gate.set()
    with pytest.raises(QueueUnavailable):
        looking.get()
    assert not stage.room.take_fresh()


def test_what_a_look_found_does_not_follow_a_younger_snapshot(
    stage: LineStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page has the state of the line from whatever came last."""
    monkeypatch.setattr(session_module, "SNAPSHOT_EVERY_S", 0.0)
    for _ in range(READERS):
        stage.room.reading.acquire()  # others' snapshots are read before
    stage.session.hear('{"type":"snapshot"}')
    gevent.sleep(0.01)
    assert stage.look(held=True, position=2) == []
    stage.line_feed.held, stage.line_feed.position = False, 3
    stage.line.once()
    stage.line_feed.held, stage.line_feed.position = True, 4
    for _ in range(READERS):
        stage.room.reading.release()
    while stage.session._teller is not None:
        gevent.sleep(0)
    told = [event.get("queue", event)["held"] for event in stage.read()]
    assert [*told, *(held for held, _ in stage.look(held=True, position=4))][-1] is True


def test_who_was_left_out_of_a_look_is_told_by_another_one_soon(
    stage: LineStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "LOOK_EVERY_S", 1000)
    monkeypatch.setattr(line_module, "PACE_S", 0.01)
    stage.line_feed.held, stage.line_feed.position = False, 1
    stage.line_feed.gate.clear()
    stage.room.moved.set()
    looking = gevent.spawn(stage.line.run)
    gevent.sleep(0.01)
    stage.snapshot(held=False, position=2)  # read a moment before the move
    stage.line_feed.position = 1
    stage.line_feed.gate.set()
    told: list[Any] = []
    with gevent.Timeout(5, False):
        while not told:
            gevent.sleep(0.01)
            told = [event["jobs"] for event in stage.read() if event["type"] == "queue"]
    looking.kill()
    assert [row["queue_position"] for jobs in told for row in jobs] == [1]
