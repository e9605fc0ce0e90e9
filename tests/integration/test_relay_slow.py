"""A reader that stops hurts nobody, and gets an unbroken stream when it resumes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests import services
from tests.bench.relay_load import Load
from tests.raw_socket import Frame, RawSocket
from tests.relay_client import Backstage, job
from tests.relay_server import RelayServer, relay_server
from tests.waiting import wait_for

HEALTHY = 20
BLOB = "x" * 2000
#: so many events are published before all healthy readers must have them: well below what a kernel holds for one
TOGETHER = 10


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[RelayServer, str]]:
    with services.redis_server() as redis, relay_server(redis.url, SOCKETS_PER_USER="100") as server:
        yield server, redis.url


@pytest.fixture
def server(served: tuple[RelayServer, str]) -> Iterator[RelayServer]:
    yield served[0]
    wait_for(lambda: served[0].census()["sockets"] == 0, what="the sockets to go")


@pytest.fixture
def stalled(server: RelayServer) -> Iterator[RawSocket]:
    """A browser of alice's that has read its snapshot and then stops."""
    stalled = RawSocket(server.port, "42/alice", receive_buffer=4096)
    assert stalled.read().event["type"] == "hello"
    assert stalled.read().event["type"] == "snapshot"
    yield stalled
    stalled.close()


@pytest.fixture
def healthy(server: RelayServer) -> Iterator[Load]:
    load = Load(server.port, welcome='"snapshot"')
    load.connect(["42/alice"] * HEALTHY)
    yield load
    load.close()


def publish_and_read(backstage: Backstage, healthy: Load, name: str, *, jobs: int, events: int) -> None:
    """Publish `events` changes of `jobs` jobs called `name`-…; every healthy reader must get each of them."""
    got: list[bytes] = []
    healthy.on_mark = lambda mark, _: got.append(mark)
    for number in range(events):
        changed = job(f"{name}-{number % jobs}", version=1 + number // jobs, mark=f"{number:016x}", blob=BLOB)
        backstage.publish(changed)
        if number % TOGETHER == TOGETHER - 1:
            _read_until(healthy, got, HEALTHY * (number + 1))
    assert sorted(got) == sorted([f"{number:016x}".encode() for number in range(events)] * HEALTHY)


def _read_until(healthy: Load, got: list[bytes], count: int) -> None:
    wait_for(lambda: healthy.turn(0.05) >= 0 and len(got) >= count, what="the healthy readers' events")


def rest_of(stalled: RawSocket) -> list[Frame]:
    """Everything the stalled reader finds when it resumes, up to the close frame or its last event."""
    frames = []
    while True:
        frames.append(stalled.read())
        if frames[-1].opcode == RawSocket.CLOSE:
            return frames
        if frames[-1].opcode == RawSocket.TEXT and frames[-1].event.get("job", {}).get("job_id") == "the-end":
            return frames


def test_a_stalled_reader_resumes_to_an_unbroken_stream_that_ends_at_the_final_states(
    server: RelayServer, backstage: Backstage, stalled: RawSocket, healthy: Load
) -> None:
    publish_and_read(backstage, healthy, "few", jobs=5, events=600)
    backstage.publish(job("the-end"))
    frames = rest_of(stalled)
    states: dict[str, int] = {}
    for frame in frames:
        if frame.opcode == RawSocket.TEXT:
            told = frame.event["job"]
            assert told["version"] > states.get(told["job_id"], 0), "a job went back"
            states[told["job_id"]] = told["version"]
    assert states == {**{f"few-{number}": 120 for number in range(5)}, "the-end": 1}
    assert len(frames) < 300, "nothing was left out for the slow reader"


def test_past_the_bound_the_stalled_reader_is_closed_with_1013_and_the_others_get_all(
    server: RelayServer, backstage: Backstage, stalled: RawSocket, healthy: Load
) -> None:
    publish_and_read(backstage, healthy, "many", jobs=600, events=600)
    assert server.census()["sockets"] == HEALTHY
    frames = rest_of(stalled)
    assert frames[-1].opcode == RawSocket.CLOSE
    assert int.from_bytes(frames[-1].body[:2], "big") == 1013
    with pytest.raises(EOFError):
        stalled.write(b"\x88\x80\0\0\0\0")
        stalled.read()


def test_pings_of_a_reader_that_stops_reading_do_not_pile_up_or_break_the_stream(
    server: RelayServer, backstage: Backstage, stalled: RawSocket, healthy: Load
) -> None:
    for number in range(200):
        backstage.publish(job("pinged", version=1 + number, blob=BLOB))
        healthy.turn(0)
    stalled.write(b"\x89\x84\0\0\0\0ping" * 150)
    backstage.publish(job("the-end"))
    ponged = ended = False
    while not (ponged and ended):  # in either order
        frame = stalled.read()
        ponged |= frame.opcode == RawSocket.PONG
        ended |= frame.opcode == RawSocket.TEXT and frame.event["job"]["job_id"] == "the-end"


TALK = {
    "pong": b"\x81\x8f\0\0\0\0" + b'{"type":"pong"}',
    "snapshot": b"\x81\x93\0\0\0\0" + b'{"type":"snapshot"}',
    "ping": b"\x89\x84\0\0\0\0ping",
    "protocol pong": b"\x8a\x80\0\0\0\0",
}


@pytest.mark.parametrize("talk", TALK)
def test_who_talks_without_end_is_sent_away_and_the_others_get_all(
    server: RelayServer, backstage: Backstage, healthy: Load, talk: str
) -> None:
    loud = RawSocket(server.port, "42/alice")
    with ThreadPoolExecutor(1) as pool:
        talking = pool.submit(talk_without_end, loud, TALK[talk])
        publish_and_read(backstage, healthy, talk, jobs=5, events=50)
        assert server.census()["sockets"] == HEALTHY
        loud.close()
        talking.result(30)


def talk_without_end(loud: RawSocket, said: bytes) -> None:
    """Say it for as long as the server, or the test, lets the connection live."""
    with suppress(OSError):
        while True:
            loud.write(said * 500)
