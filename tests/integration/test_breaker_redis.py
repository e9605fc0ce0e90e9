"""The circuit and a Redis that is away, frozen, or forgot."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from cli.ports import free_port
from tests import services
from tests.integration.circuits import SHORT_S, circuit, opened
from tests.waiting import wait_for
from worker.breaker_state import SharedState

PROBE = "forgeline:circuit:127.0.0.1:7861:probe"
#: what Redis calls the time left of a key that has no end
NEVER_ENDS = -1


@pytest.mark.parametrize("lose", ["flushall", "flushdb"])
def test_is_not_closed_by_a_redis_that_loses_its_data(redis_url: str, lose: str) -> None:
    found = opened(redis_url)
    getattr(redis.Redis.from_url(redis_url), lose)()
    assert found.state().state == "open"
    assert not found.allow()
    assert circuit(redis_url).state().state == "open", "what this process knows is written back"


def test_keeps_its_count_when_redis_loses_its_data(redis_url: str) -> None:
    found = circuit(redis_url)
    found.failure()
    found.failure()
    redis.Redis.from_url(redis_url).flushall()
    found.failure()
    assert found.state().state == "open"


def test_counts_every_failure_of_threads_that_tell_theirs_at_once(redis_url: str) -> None:
    state = SharedState(redis_url, "circuit:busy")
    with ThreadPoolExecutor(max_workers=4) as threads:
        list(threads.map(lambda _: state.increment_counter(), range(100)))
    assert state.counter == 100


def test_works_without_redis_from_the_first_moment() -> None:
    found = circuit(f"redis://127.0.0.1:{free_port()}/0", SHORT_S)
    assert found.allow()
    for _ in range(3):
        found.failure()
    assert found.state().state == "open"
    assert not found.allow()
    wait_for(found.allow)
    found.success()
    assert found.state().state == "closed"


def test_tells_redis_what_it_learnt_while_that_was_away() -> None:
    with services.redis_server() as server:
        found = circuit(server.url)
        assert found.allow()
        server.stop()
        for _ in range(3):
            found.failure()
        assert not found.allow()
        server.start()
        wait_for(lambda: found.state().state == "open" and circuit(server.url).state().state == "open")
        assert not found.allow()


def test_is_not_held_up_by_a_frozen_redis() -> None:
    with services.redis_server() as server:
        found = opened(server.url)
        pid = int(redis.Redis.from_url(server.url).info("server")["process_id"])
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert [found.allow() for _ in range(20)] == [False] * 20
            assert time.monotonic() - began < 8
        finally:
            os.kill(pid, signal.SIGCONT)


def test_leaves_only_keys_of_its_own_that_end(redis_url: str) -> None:
    found = opened(redis_url, SHORT_S)
    client = redis.Redis.from_url(redis_url)
    seen: dict[str, int] = {}

    def looked() -> bool:
        found.allow()
        seen.update({key.decode(): client.pttl(key) for key in client.keys("*")})  # type: ignore[union-attr]
        return PROBE in seen

    wait_for(looked)  # the probe's may be over again before we looked: it is asked for anew
    assert set(seen) == {PROBE, PROBE.removesuffix(":probe")}
    assert NEVER_ENDS not in seen.values()
