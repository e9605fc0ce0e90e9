"""Who has much to do lets others go on, those too that wait for a socket."""

from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from gevent import socket

from api.give_way import give_way
from api.relay.dispatcher import YIELD_EVERY, Dispatcher
from api.relay.messages import Message
from tests.relay_stage import RelayStage


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
