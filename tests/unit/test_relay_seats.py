"""A process that ends leaves no seat behind: whoever it sends away finds room at another."""

import logging

import pytest
import redis
from fakeredis import FakeRedis

from api.relay.seats import Seats
from shared.redis_keys import alive, sockets_of


@pytest.fixture
def server() -> FakeRedis:
    return FakeRedis()


def test_all_seats_are_given_back_at_once(server: FakeRedis) -> None:
    old, new = Seats(server, most=2), Seats(server, most=2)
    closed, open_still = old.take("alice"), old.take("alice")
    assert closed and open_still and new.take("alice") is None
    old.give_back(closed)  # gathered, not written yet
    old.give_all_back()
    assert server.zcard(sockets_of("alice")) == 0
    assert new.take("alice") and new.take("alice")
    old.give_back(open_still)  # its socket ends later
    old.give_all_back()
    assert server.zcard(sockets_of("alice")) == 2


def test_without_redis_seats_run_out(
    server: FakeRedis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seats = Seats(server, most=2)
    seats.take("alice")

    def away(*_: object, **__: object) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(server, "pipeline", away)
    with caplog.at_level(logging.WARNING):
        seats.give_all_back()
    assert "run out" in caplog.text


def test_the_seats_of_a_process_that_was_killed_count_no_more_once_its_sign_of_life_ran_out(server: FakeRedis) -> None:
    killed, living = Seats(server, most=2), Seats(server, most=2)
    assert killed.take("alice") and killed.take("alice") and living.take("alice") is None
    server.delete(alive(killed.process))
    assert server.ttl(alive(living.process)) > 0
    assert living.take("alice") and living.take("alice") and living.take("alice") is None
