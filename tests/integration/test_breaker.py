"""A Forge's circuit, with its state in a real Redis that comes and goes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import redis

from shared import redis_keys as keys
from tests.integration.circuits import FORGE, LONG_S, SHORT_S, circuit, opened, states
from tests.waiting import wait_for
from worker.breaker import Circuit


def test_is_closed_and_lets_everything_through_at_first(redis_url: str) -> None:
    found = circuit(redis_url)
    assert found.allow()
    assert (found.state().state, found.state().failures, found.state().retry_at) == ("closed", 0, None)


def test_opens_after_so_many_failures_in_a_row(redis_url: str) -> None:
    found = circuit(redis_url)
    for failures in (1, 2):
        found.failure()
        assert (found.state().state, found.state().failures) == ("closed", failures)
        assert found.allow()
    found.failure()
    state = found.state()
    assert (state.state, state.failures) == ("open", 3)
    assert state.retry_at is not None
    assert abs(state.retry_at - datetime.now(UTC) - timedelta(seconds=LONG_S)) < timedelta(seconds=2)
    assert not found.allow()


def test_begins_to_count_anew_after_any_good_answer(redis_url: str) -> None:
    found = circuit(redis_url)
    for _ in range(2):
        found.failure()
        found.failure()
        found.success()
        assert found.state().failures == 0
    assert found.allow()


def test_opens_at_once_when_told(redis_url: str) -> None:
    found = circuit(redis_url)
    found.trip()
    assert found.state().state == "open"
    assert not found.allow()


def test_is_shared_by_all_processes_of_one_forge_and_by_no_other(redis_url: str) -> None:
    found = opened(redis_url)
    same, other = circuit(redis_url, url=f"{FORGE}/"), circuit(redis_url, url="http://127.0.0.1:7862")
    assert states(found, same, other) == ["open", "open", "closed"]
    assert not same.allow()
    assert other.allow()
    other.success()
    assert same.state().failures == 3


def test_lets_one_probe_through_when_the_time_is_over_and_closes_on_its_success(redis_url: str) -> None:
    found, other = opened(redis_url, SHORT_S), circuit(redis_url, SHORT_S)
    assert not other.allow()
    wait_for(found.allow)
    assert not other.allow()
    assert found.allow(), "who probes may go on asking"
    assert states(found, other) == ["half_open", "half_open"]
    found.success()
    assert states(found, other) == ["closed", "closed"]
    assert other.allow()
    assert other.state().failures == 0


def test_opens_again_when_the_probe_fails(redis_url: str) -> None:
    found, other = opened(redis_url, SHORT_S), circuit(redis_url, SHORT_S)
    wait_for(found.allow)
    found.failure()
    assert states(found, other) == ["open", "open"]
    assert not other.allow()
    wait_for(other.allow, what="another probe")


def test_gives_the_probe_of_a_dead_process_to_the_next(redis_url: str) -> None:
    dead, heir = opened(redis_url, SHORT_S), circuit(redis_url, SHORT_S)
    wait_for(dead.allow)
    assert not heir.allow()
    wait_for(heir.allow, what="the lease to end")
    assert not dead.allow()


def test_stays_half_open_while_nobody_gives_a_verdict(redis_url: str) -> None:
    found = opened(redis_url, SHORT_S)
    wait_for(found.allow)
    assert found.state().state == "half_open"
    assert found.allow()
    assert found.state().state == "half_open"


def test_tells_that_a_probe_may_go_before_anybody_has_tried(redis_url: str) -> None:
    found = opened(redis_url, SHORT_S)
    wait_for(lambda: found.state().state == "half_open")
    assert found.state().retry_at is None


def test_stays_open_for_a_worker_whose_clock_is_a_little_behind(redis_url: str) -> None:
    opened(redis_url)
    ahead = time.time() + LONG_S / 2
    redis.Redis.from_url(redis_url).hset(keys.circuit("127.0.0.1:7861"), mapping={"opened_at": ahead})
    found = circuit(redis_url)
    assert found.state().state == "open"
    assert not found.allow()


def test_does_not_stay_open_until_a_clock_that_was_set_back_has_caught_up(redis_url: str) -> None:
    opened(redis_url)
    ahead = time.time() + 3 * 3600
    redis.Redis.from_url(redis_url).hset(keys.circuit("127.0.0.1:7861"), mapping={"opened_at": ahead})
    found = circuit(redis_url)
    assert (found.state().state, found.state().retry_at) == ("half_open", None)
    assert found.allow()
    found.failure()
    assert found.state().state == "open"
    assert not found.allow()


def test_closes_for_everybody_though_the_clock_was_set_back_since_it_opened(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, here = circuit(redis_url), circuit(redis_url), time.time
    with monkeypatch.context() as ahead:
        ahead.setattr(time, "time", lambda: here() + 3 * 3600)
        one.trip()
        assert other.state().state == "open"
    assert one.state().state == "open"
    one.success()
    assert [found.state().state for found in (other, one)] == ["closed", "closed"]


def test_lets_exactly_one_of_many_through(redis_url: str) -> None:
    found = opened(redis_url, reset_s=1)
    many = [circuit(redis_url, reset_s=1) for _ in range(16)]
    wait_for(lambda: found.state().state == "half_open")
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(Circuit.allow, many)) == 1


def test_a_good_answer_closes_even_an_open_circuit(redis_url: str) -> None:
    found = opened(redis_url)
    found.success()
    assert (found.state().state, found.state().failures) == ("closed", 0)


def test_does_not_count_while_it_is_open(redis_url: str) -> None:
    found = opened(redis_url)
    before = found.state().retry_at
    found.failure()
    assert (found.state().state, found.state().failures, found.state().retry_at) == ("open", 3, before)
