"""The one way out of a socket, over real sockets with small buffers."""

import json
from collections.abc import Iterator

import gevent
import pytest
from gevent import socket

from api.relay.messages import JobEvent, Message
from api.relay.outbox import Outbox
from shared.domain.events import to_json
from tests.relay_client import job

SMALL = 4096


class Peer:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def overflowed(self) -> None:
        self.told.append("overflowed")

    def broken(self) -> None:
        self.told.append("broken")


class Pair:
    """An outbox and the browser's end of its socket."""

    def __init__(self, limit: int = 256) -> None:
        self.ours, self.theirs = socket.socketpair()
        for end in (self.ours, self.theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        self.peer = Peer()
        self.outbox = Outbox(self.ours, limit=limit, peer=self.peer)

    def fill(self) -> bytes:
        """Push until the kernel takes no more; returns all that was pushed."""
        pushed = b""
        while self.outbox.stalled_at is None:
            frame = f"<{len(pushed)}>".encode() * 50
            pushed += frame
            self.outbox.push(Message("filler", frame))
        return pushed

    def read(self) -> bytes:
        """Read until nothing comes."""
        data = b""
        with gevent.Timeout(5), gevent.Timeout(0.3, False):
            while piece := self.theirs.recv(65536):
                data += piece
        return data


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.outbox.close()
    pair.ours.close()
    pair.theirs.close()


def event(job_id: str, version: int) -> JobEvent:
    return JobEvent(to_json({"type": "image_progress", "job": job(job_id, version=version)}))


def told(data: bytes) -> list[tuple[str, int]]:
    """The (job, version)s in a stream of small frames, in order."""
    found = []
    while data:
        size = data[1] if data[1] < 126 else int.from_bytes(data[2:4], "big")
        start = 2 if data[1] < 126 else 4
        body = json.loads(data[start : start + size])
        found.append((body["job"]["job_id"], body["job"]["version"]))
        data = data[start + size :]
    return found


def test_a_frame_goes_out_at_once(pair: Pair) -> None:
    pair.outbox.push(Message("a", b"hello"))
    assert pair.theirs.recv(100) == b"hello"


def test_a_reader_that_stops_and_resumes_gets_every_begun_byte(pair: Pair) -> None:
    pushed = pair.fill()
    pair.outbox.push(Message("last", b"the end"))
    assert pair.read() == pushed + b"the end"
    assert pair.outbox.stalled_at is None


def test_a_waiting_event_is_replaced_by_the_newer_of_its_job_which_goes_to_the_tail(pair: Pair) -> None:
    filler = pair.fill()
    for job_id, version in [("a", 1), ("b", 1), ("a", 2), ("c", 1), ("b", 2)]:
        pair.outbox.push(event(job_id, version))
    assert told(pair.read()[len(filler) :]) == [("a", 2), ("c", 1), ("b", 2)]


def test_a_waiting_event_is_not_replaced_by_an_older_one(pair: Pair) -> None:
    filler = pair.fill()
    pair.outbox.push(event("a", 7))
    pair.outbox.push(event("a", 3))
    assert told(pair.read()[len(filler) :]) == [("a", 7)]


def test_a_pong_never_cuts_a_frame(pair: Pair) -> None:
    filler = pair.fill()
    pair.outbox.control(Message("pong", b"PONG"))
    pair.outbox.push(Message("after", b"after"))
    assert pair.read() == filler + b"PONGafter"


def test_a_pong_passes_what_is_held(pair: Pair) -> None:
    pair.outbox.hold()
    pair.outbox.push(event("a", 1))
    pair.outbox.control(Message("pong", b"PONG"))
    assert pair.theirs.recv(100) == b"PONG"


def test_what_is_held_follows_the_snapshot_if_it_is_newer(pair: Pair) -> None:
    pair.outbox.hold()
    pair.outbox.push(event("a", 1))
    pair.outbox.push(event("b", 5))
    pair.outbox.release(event("snapshot", 0), lambda held: held.key[1] == "b")
    pair.outbox.push(event("c", 1))
    assert told(pair.read()) == [("snapshot", 0), ("b", 5), ("c", 1)]


def test_too_many_waiting_messages_are_told_as_overflow(pair: Pair) -> None:
    pair.fill()
    for number in range(256):
        pair.outbox.push(event(f"job-{number}", 1))
    assert pair.peer.told == []
    pair.outbox.push(event("one-too-many", 1))
    assert pair.peer.told == ["overflowed"]


def test_too_many_waiting_bytes_are_told_as_overflow(pair: Pair) -> None:
    pair.fill()
    pair.outbox.push(Message("big", b"x" * (1 << 20)))
    assert pair.peer.told == []
    pair.outbox.push(Message("small", b"x"))
    assert pair.peer.told == ["overflowed"]


def test_many_versions_of_a_few_jobs_are_no_overflow(pair: Pair) -> None:
    filler = pair.fill()
    for version in range(1000):
        pair.outbox.push(event(f"job-{version % 5}", version))
    assert pair.peer.told == []
    assert told(pair.read()[len(filler) :]) == [(f"job-{version % 5}", version) for version in range(995, 1000)]


def test_a_close_frame_follows_the_frame_begun_and_nothing_follows_it(pair: Pair) -> None:
    filler = pair.fill()
    pair.outbox.push(event("dropped", 1))
    pair.outbox.finish(b"CLOSE")
    pair.outbox.push(event("late", 1))
    pair.outbox.control(Message("pong", b"late"))
    pair.outbox.finish(b"AGAIN")
    assert pair.read() == filler + b"CLOSE"


def test_a_close_frame_goes_out_although_messages_are_held(pair: Pair) -> None:
    pair.outbox.hold()
    pair.outbox.push(event("held", 1))
    pair.outbox.finish(b"CLOSE")
    assert pair.read() == b"CLOSE"


def test_a_peer_that_has_gone_is_told_as_broken(pair: Pair) -> None:
    pair.theirs.close()
    pair.outbox.push(Message("a", b"x"))
    assert pair.peer.told == ["broken"]


def test_a_peer_that_goes_while_it_is_behind_is_told_as_broken(pair: Pair) -> None:
    pair.fill()
    pair.theirs.close()
    with gevent.Timeout(5):
        while not pair.peer.told:
            gevent.sleep(0.01)
    assert pair.peer.told == ["broken"]


def test_a_closed_outbox_leaves_no_greenlet_and_writes_nothing(pair: Pair) -> None:
    filler = pair.fill()
    pair.outbox.close()
    pair.outbox.push(event("late", 1))
    gevent.sleep(0)
    assert filler.startswith(pair.read())
    assert pair.peer.told == []
