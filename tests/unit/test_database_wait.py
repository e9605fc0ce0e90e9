"""A wait for PostgreSQL lets the others go on, and ends; after a silent one the next are short, until it speaks."""

from collections.abc import Iterator
from time import monotonic

import gevent
import psycopg2
import pytest
from gevent import get_hub, socket
from psycopg2.extensions import POLL_ERROR, POLL_OK, POLL_READ, POLL_WRITE

from api import database_wait
from api.database_wait import DatabaseWait
from shared.store import patience
from shared.store.patience import patiently

SILENT_S, HURRIED_S, PATIENT_S = 0.6, 0.05, 1.4


class Server:
    """A PostgreSQL and the connection to it, as far as the driver's callback sees them."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.states: list[int] = []

    def speak(self) -> None:
        self.theirs.send(b"x")

    def poll(self) -> int:
        return self.states.pop(0) if self.states else POLL_OK

    def fileno(self) -> int:
        return int(self.ours.fileno())

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, Server]]:
    """Two connections."""
    for name, value in (("SILENT_S", SILENT_S), ("HURRIED_S", HURRIED_S)):
        monkeypatch.setattr(database_wait, name, value)
    monkeypatch.setattr(patience, "PATIENT_S", PATIENT_S)
    both = Server(), Server()
    yield both
    for one in both:
        one.close()


def silence(wait: DatabaseWait, server: Server, *states: int) -> float:
    """Return how long it waited for a server that says nothing."""
    server.states = [*states, POLL_READ]
    began = monotonic()
    with pytest.raises(psycopg2.OperationalError, match="silent"):
        wait(server)
    return monotonic() - began


def answered(wait: DatabaseWait, server: Server) -> None:
    server.speak()
    server.states = [POLL_READ]
    wait(server)


def test_an_answer_ends_the_wait_and_the_others_go_on_until_then(servers: tuple[Server, Server]) -> None:
    server, _ = servers
    server.states = [POLL_WRITE, POLL_READ]
    gevent.spawn_later(SILENT_S / 10, server.speak)
    DatabaseWait()(server)


def test_a_silent_one_is_given_up_and_whoever_comes_next_waits_less(servers: tuple[Server, Server]) -> None:
    wait = DatabaseWait()
    assert silence(wait, servers[0]) >= SILENT_S
    assert silence(wait, servers[1], POLL_WRITE) < SILENT_S, "that it can be written to is no word of it"


def test_once_it_has_spoken_nobody_is_hurried(servers: tuple[Server, Server]) -> None:
    wait = DatabaseWait()
    silence(wait, servers[0])
    answered(wait, servers[1])
    assert silence(wait, servers[0]) >= SILENT_S


def test_a_hurried_wait_does_not_hurry_those_after_it_for_longer(
    servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = DatabaseWait()
    silence(wait, servers[0])
    assert silence(wait, servers[0]) < SILENT_S
    monkeypatch.setattr(database_wait, "RESPITE_S", HURRIED_S)  # over since the hurried wait
    assert silence(wait, servers[0]) >= SILENT_S


def test_one_slow_statement_hurries_nobody_while_others_are_answered(servers: tuple[Server, Server]) -> None:
    wait, (slow, quick) = DatabaseWait(), servers
    asking = gevent.spawn(silence, wait, slow)
    gevent.idle()
    answered(wait, quick)
    asking.get()
    assert silence(wait, slow) >= SILENT_S


def test_what_takes_long_by_its_nature_may_be_silent_for_longer(servers: tuple[Server, Server]) -> None:
    wait = DatabaseWait()
    with patiently():
        assert silence(wait, servers[0]) >= PATIENT_S
    answered(wait, servers[1])
    assert silence(wait, servers[0]) < PATIENT_S


def test_an_answer_that_came_while_the_loop_stood_still_is_not_lost(servers: tuple[Server, Server]) -> None:
    server, _ = servers
    server.states = [POLL_READ]

    def stand_still() -> None:
        server.speak()
        until = monotonic() + 2 * SILENT_S
        while monotonic() < until:
            pass

    get_hub().loop.run_callback(stand_still)
    DatabaseWait()(server)


def test_what_cannot_be_waited_for_is_told(servers: tuple[Server, Server]) -> None:
    servers[0].states = [POLL_ERROR]
    with pytest.raises(psycopg2.OperationalError):
        DatabaseWait()(servers[0])
