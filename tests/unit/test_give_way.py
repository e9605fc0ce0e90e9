"""Who has much to do lets others go on, those too that wait for a socket."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from gevent import socket

from api.give_way import give_way
from api.relay.dispatcher import YIELD_EVERY, Dispatcher
from api.relay.line import Line
from api.relay.messages import JobEvent, Message
from api.relay.ports import LineView
from tests.relay_client import job
from tests.relay_stage import ALICE, TOTALS, RelayStage


class Waiting:
    """Somebody who waits for a byte."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self.served = False
        self._reader = gevent.spawn(self._read)
        gevent.sleep(0)

    def ask(self, *_: Any) -> None:
        """Let the byte come."""
        self._theirs.send(b"?")

    def close(self) -> None:
        """Wait no more."""
        self._reader.kill()
        self._ours.close()
        self._theirs.close()

    def _read(self) -> None:
        self._ours.recv(1)
        self.served = True


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    waiting = Waiting()
    yield waiting
    waiting.close()


@pytest.mark.parametrize(("turn", "served"), [(give_way, True), (lambda: gevent.sleep(0), False)])
def test_a_turn_is_for_those_too_that_wait_for_a_socket(
    waiting: Waiting, turn: Callable[[], None], served: bool
) -> None:
    turn()  # the loop has looked: what comes from now on, it has not seen
    waiting.ask()
    turn()
    turn()
    assert waiting.served is served


class Outboxes:
    """Takes messages, and lets somebody ask at the first."""

    def __init__(self, waiting: Waiting) -> None:
        self.push: Callable[[Message], None] = self._first
        self._waiting = waiting
        self.after: list[bool] = []

    def _first(self, _message: Message) -> None:
        self._waiting.ask()
        self.push = lambda _: self.after.append(self._waiting.served)


@pytest.mark.parametrize("at_once", [1, 4 * YIELD_EVERY])
def test_thousands_of_messages_keep_nobody_from_being_served(waiting: Waiting, at_once: int) -> None:
    stage = RelayStage()
    outbox: Any = Outboxes(waiting)
    dispatcher = Dispatcher(stage.room)
    for _ in range(4 * YIELD_EVERY // at_once):
        dispatcher.deliver([outbox] * at_once, Message("queue", b""))
    stage.close()
    assert outbox.after.index(True) <= 3 * YIELD_EVERY


class Follower:
    """A socket of alice's that notes the versions it is sent, and does something at the first."""

    members, user_id = ALICE.members, ALICE.user_id
    connection = SimpleNamespace(closing=False)

    def __init__(self, at_first: Callable[[], object] = lambda: None) -> None:
        self.outbox: Any = self
        self.versions: list[int] = []
        self._at_first = at_first

    def push(self, message: Message) -> None:
        """Take a message."""
        self.versions.append(message.stamp[1] if isinstance(message, JobEvent) else 0)
        if len(self.versions) == 1:
            self._at_first()


def test_an_event_that_is_overtaken_while_it_is_told_to_thousands_follows_the_newer_nowhere() -> None:
    stage = RelayStage()
    registry: Any = stage.room.registry
    meanwhile: list[gevent.Greenlet] = []
    followers = [Follower(lambda: meanwhile.append(gevent.spawn(stage.publish, job("a", version=2))))]
    followers += [Follower() for _ in range(4 * YIELD_EVERY)]
    for one in followers:
        registry.add(one)
    stage.publish(job("a", version=1))
    gevent.joinall(meanwhile)
    stage.close()
    told = {tuple(one.versions) for one in followers}
    assert told == {(1, 2), (2,)}


def test_who_is_told_a_snapshot_while_thousands_are_told_a_pause_is_left_to_the_next_look() -> None:
    stage = RelayStage()
    room, feed = stage.room, stage.feed
    last: Any = Follower()
    told = {"jobs": [], "queue": {**TOTALS, "paused": False}}
    first: Any = Follower(lambda: gevent.spawn(room.snapshot_told, last, told))
    followers = [first, *(Follower() for _ in range(2 * YIELD_EVERY)), last]
    line = Line(feed, stage.dispatcher, room)
    line.once()
    for one in followers:
        room.registry.add(one)
    feed.line = lambda members: LineView({**TOTALS, "paused": True}, [])  # type: ignore[method-assign]
    line.once()
    assert [len(one.versions) for one in followers] == [1] * (2 * YIELD_EVERY + 1) + [0]
    line.once()
    stage.close()
    assert [len(one.versions) for one in followers] == [1] * (2 * YIELD_EVERY + 2)
