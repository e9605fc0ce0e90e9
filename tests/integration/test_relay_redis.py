"""Redis comes and goes; sockets stay, and states arrive."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import redis as redis_client
import websocket

from cli.embedded_redis import EmbeddedRedis
from shared.domain.identity import audience_of
from tests import services
from tests.relay_client import ALICE, Backstage, Event, greeted, hear, hear_until, is_job, job
from tests.relay_server import RelayServer, relay_server
from tests.waiting import wait_for

USERS = 20
SOCKETS_EACH = 5
THOUSAND = 1000


@dataclass
class Stage:
    """A relay, the Redis of its events, and a store that stays when that goes."""

    server: RelayServer
    events: EmbeddedRedis
    backstage: Backstage


@pytest.fixture
def stage() -> Iterator[Stage]:
    with (
        services.redis_server() as events,
        services.redis_server() as store,
        relay_server(events.url, FAKE_STORE_URL=store.url) as server,
    ):
        backstage = Backstage(events.url, store.url)
        yield Stage(server, events, backstage)
        server.hang_up()
        backstage.close()


def owner(user: int) -> frozenset[str]:
    return audience_of(str(user), f"u{user}")


def job_events(events: list[Event]) -> list[tuple[str, int]]:
    return [(event["job"]["job_id"], event["job"]["version"]) for event in events if event["type"] == "image_progress"]


def test_after_a_restart_every_socket_has_the_final_states_without_reconnecting(stage: Stage) -> None:
    sockets = [(user, stage.server.connect(f"{user}/u{user}")) for user in range(USERS) for _ in range(SOCKETS_EACH)]
    for _, ws in sockets:
        greeted(ws)
    for user in range(USERS):
        stage.backstage.change(job(f"job-{user}", version=1, status="processing"), owner(user))
    stage.events.stop()
    for user in range(USERS):
        ended = job(f"job-{user}", version=2, status="complete")
        stage.backstage.store(ended, owner(user))
        assert not stage.backstage.publish(ended, owner(user))
    stage.events.start()
    for user, ws in sockets:
        heard = hear_until(ws, lambda event: event["type"] == "resync")
        heard += [] if (f"job-{user}", 2) in job_events(heard) else hear_until(ws, is_job(f"job-{user}", 2))
        seen = job_events(heard)
        assert seen == sorted(seen), "an event may come twice, and never back"
        assert set(seen) == {(f"job-{user}", 1), (f"job-{user}", 2)}
    assert stage.server.census()["sockets"] == USERS * SOCKETS_EACH
    _still_live(stage, sockets[0][1])


def _still_live(stage: Stage, ws: websocket.WebSocket) -> None:
    stage.backstage.change(job("live-again"), owner(0))
    assert hear_until(ws, is_job("live-again", 1))


def test_while_redis_is_away_the_store_alone_brings_changes(stage: Stage) -> None:
    ws = stage.server.connect("42/alice")
    greeted(ws)
    stage.events.stop()
    stage.backstage.store(job("a", version=4, status="complete"))
    assert job_events(hear_until(ws, is_job("a", 4))) == [("a", 4)]


def test_a_sweep_that_brings_a_thousand_changes_closes_no_socket_that_reads(stage: Stage) -> None:
    ws = stage.server.connect("42/alice")
    greeted(ws)
    stage.events.stop()
    wanted = {(f"job-{number}", 1) for number in range(THOUSAND)}
    for job_id, version in wanted:
        stage.backstage.store(job(job_id, version=version, prompt="x" * 1000))
    told: set[tuple[str, int]] = set()
    while told != wanted:
        told |= set(job_events([hear(ws)]))


def test_a_socket_that_comes_while_redis_is_away_is_served(stage: Stage) -> None:
    stage.events.stop()
    wait_for(lambda: not stage.server.census()["subscribed"])
    stage.backstage.store(job("a", version=1))
    ws = stage.server.connect("42/alice")
    assert greeted(ws)[1]["jobs"][0]["job_id"] == "a"
    stage.events.start()
    heard = hear_until(ws, lambda event: event["type"] == "resync")
    assert set(job_events(heard)) <= {("a", 1)}, "a sweep may come first, with the state that the snapshot had"


def test_a_link_that_is_cut_is_made_anew(stage: Stage) -> None:
    ws = stage.server.connect("42/alice")
    greeted(ws)
    with redis_client.Redis.from_url(stage.events.url) as admin:
        assert admin.client_kill_filter(_type="pubsub") == 1
    assert hear(ws)["type"] == "resync"
    stage.backstage.publish(job("a"), ALICE)
    assert hear(ws)["job"]["job_id"] == "a"


def test_a_link_that_falls_silent_is_made_anew(stage: Stage) -> None:
    ws = stage.server.connect("42/alice")
    greeted(ws)
    with redis_client.Redis.from_url(stage.events.url) as admin:
        admin.execute_command("CLIENT", "PAUSE", "9000", "ALL")
    stage.backstage.store(job("a", version=2))
    heard = hear_until(ws, lambda event: event["type"] == "resync")
    assert job_events(heard) == [("a", 2)]


def test_a_store_that_is_away_at_first_gives_its_snapshot_later(stage: Stage) -> None:
    stage.backstage.redis.set("fake:down", 1)
    ws = stage.server.connect("42/alice")
    assert hear(ws)["type"] == "hello"
    stage.backstage.publish(job("a", version=3))
    stage.backstage.redis.delete("fake:down")
    snapshot, event = hear(ws), hear(ws)
    assert snapshot["type"] == "snapshot"
    assert event["job"]["version"] == 3


def test_a_message_that_is_none_of_ours_breaks_nothing(stage: Stage) -> None:
    ws = stage.server.connect("42/alice")
    greeted(ws)
    with redis_client.Redis.from_url(stage.events.url) as other:
        for message in (b"", b"\xff\xfe\n", b"to id:42\nnot json", b"to id:42\n{}", b"to id:4\xff\n{}", b"dance\n"):
            other.publish("forgeline:events", message)
    stage.backstage.publish(job("a"))
    assert hear(ws)["job"]["job_id"] == "a"
