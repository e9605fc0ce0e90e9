"""The page's types and the server's frames name the same fields: one source, checked from both ends."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import gevent
import pytest

from api.answers import JobAnswer
from api.relay import connection
from api.relay.heartbeat import Heartbeat
from api.relay.messages import Message
from api.relay.room import HEARTBEAT_SLOTS
from api.relay.session import HEARTBEAT_S
from shared.domain.events import EventType, queue_moved
from shared.domain.jobs import Stage, Status
from tests.relay_stage import ALICE, TOTALS, RelayStage

TYPES = (Path(__file__).parents[2] / "api" / "web" / "src" / "api" / "types.ts").read_text()


def fields_of(interface: str) -> set[str]:
    """Return the field names of an interface of the page, those it extends included."""
    found = re.search(rf"export interface {interface}(?: extends (\w+))? \{{\n(.*?)\n\}}", TYPES, re.DOTALL)
    assert found, interface
    own = set(re.findall(r"^  (\w+)\??:", found[2], re.MULTILINE))
    return own | (fields_of(found[1]) if found[1] else set())


def words_of(union: str) -> set[str]:
    """Return the words of a union of the page's."""
    found = re.search(rf"export type {union} = (.*?);", TYPES)
    assert found, union
    return set(re.findall(r"'(\w+)'", found[1]))


@pytest.fixture
def stage() -> Iterator[RelayStage]:
    stage = RelayStage()
    stage.session.welcome(ALICE)
    yield stage
    stage.close()


def frames(stage: RelayStage) -> dict[str, dict[str, Any]]:
    """Let the relay send one frame of every type, and return them."""
    heard: list[dict[str, Any]] = []
    with gevent.Timeout(5):
        while not any(frame["type"] == "snapshot" for frame in heard):
            gevent.sleep(0)
            heard += stage.read()
    stage.publish({"job_id": "a", "attempt": 1, "version": 1, "server_time": "2026-01-01T00:00:00.000Z"})
    place = {"job_id": "a", "queue_position": 1, "eta_seconds": None}
    stage.session.connection.push(Message.of(queue_moved(TOTALS, [place], datetime.now(UTC))))
    stage.session.connection.push(Message.of({"type": EventType.RESYNC.value}))
    heartbeat, start = Heartbeat(stage.room), monotonic()
    for turn in range(1, HEARTBEAT_SLOTS + 1):
        heartbeat.once(start + turn * HEARTBEAT_S / HEARTBEAT_SLOTS + 0.001)
    return {frame["type"]: frame for frame in heard + stage.read()}


def test_every_frame_has_the_fields_the_page_expects(stage: RelayStage) -> None:
    sent = frames(stage)
    interfaces = {frame_type: fields_of(_interface(frame_type)) for frame_type in EventType}
    assert {frame_type: set(frame) for frame_type, frame in sent.items()} == interfaces
    assert set(sent["hello"]["user"]) == fields_of("Me")
    assert set(sent["snapshot"]["queue"]) == fields_of("QueueState")
    assert set(sent["queue"]["jobs"][0]) == fields_of("QueuePlace")


def _interface(frame_type: str) -> str:
    return "".join(word.capitalize() for word in frame_type.split("_")) + "Frame"


def test_the_job_has_the_fields_and_words_the_page_expects() -> None:
    assert set(JobAnswer.model_fields) == fields_of("Job")
    assert words_of("JobStatus") == set(Status)
    assert words_of("JobStage") == set(Stage)


def test_the_page_knows_our_close_codes() -> None:
    found = re.search(r"CLOSE_CODES = (\{.*?\})", TYPES, re.DOTALL)
    assert found
    known = json.loads(re.sub(r",\s*\}", "}", re.sub(r"(\w+):", r'"\1":', found[1])))
    ours = (connection.UNAUTHENTICATED, connection.NO_AUTH_IN_TIME, connection.TOO_MANY_SOCKETS)
    assert {close.code for close in (*ours, connection.RESTART, connection.TOO_SLOW)} == set(known.values())
