"""`poll(0)` is answered by the kernel, without a round of gevent's loop; whoever waits lets the others go on."""

import select
from collections.abc import Iterator

import gevent
import pytest
from gevent import socket
from gevent.select import poll as gevents_poll
from gunicorn.workers.ggevent import GeventWorker
from redis._parsers import hiredis

from api import database_wait
from api.prompt_poll import PromptPoll, install
from api.serve_worker import Worker

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two ends of one connection."""
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`select.poll` as it is in an API process, for this test."""
    monkeypatch.setattr(select, "poll", gevents_poll)
    install()


def turns_given(asked: object, ours: socket.socket) -> int:
    """Return how many turns the others got while redis-py asked whether `ours` can be read."""
    turns: list[int] = []
    waiting = gevent.spawn(turns.append, 1)
    assert hiredis._socket_can_read(ours, 0) is asked
    given = len(turns)
    waiting.join()
    return given


def test_what_redis_py_asks_before_each_command_costs_no_round_of_the_loop(installed: None, pair: Pair) -> None:
    ours, theirs = pair
    assert turns_given(False, ours) == 0
    theirs.send(b"x")
    assert turns_given(True, ours) == 0


def test_gevents_own_goes_round_its_loop(monkeypatch: pytest.MonkeyPatch, pair: Pair) -> None:
    monkeypatch.setattr(select, "poll", gevents_poll)
    assert turns_given(False, pair[0]) == 1, "if this fails, api/prompt_poll.py can go"


def test_a_connection_that_the_other_end_closed_is_told(pair: Pair) -> None:
    ours, theirs = pair
    asked = PromptPoll()
    asked.register(ours, select.POLLIN)
    assert asked.poll(0) == []
    theirs.close()
    ((fd, events),) = asked.poll(0)
    assert fd == ours.fileno() and events & select.POLLIN


def test_it_tells_whether_one_may_write(pair: Pair) -> None:
    asked = PromptPoll()
    asked.register(pair[0], select.POLLIN | select.POLLOUT)
    assert asked.poll(0) == [(pair[0].fileno(), select.POLLOUT)]


def test_whoever_waits_lets_the_others_go_on(pair: Pair) -> None:
    ours, theirs = pair
    asked = PromptPoll()
    asked.register(ours, select.POLLIN)
    gevent.spawn(theirs.send, b"x")
    assert asked.poll(10_000) == [(ours.fileno(), select.POLLIN)]


def test_an_api_process_begins_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GeventWorker, "patch", lambda _: None)
    monkeypatch.setattr(database_wait, "install", lambda: None)
    monkeypatch.setattr(select, "poll", gevents_poll)
    Worker.patch(object.__new__(Worker))
    assert select.poll is PromptPoll
