"""A message that waits."""

import json

import pytest
from wsproto.frame_protocol import FrameProtocol

from api.relay.messages import JobEvent, Message, QueueMove, text_frame
from shared.domain.events import to_json
from tests.relay_client import job


def event(**fields: object) -> JobEvent:
    return JobEvent(to_json({"type": "image_progress", "job": job(**fields)}))  # type: ignore[arg-type]


def queue(moment: str, waiting: int, **places: int) -> QueueMove:
    rows = [{"job_id": job_id, "queue_position": at, "eta_seconds": None} for job_id, at in places.items()]
    event = {"type": "queue", "waiting": waiting, "jobs": rows, "server_time": moment}
    return QueueMove(event, {"a", *places})  # `a` waits on, and is told no more


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 300_000])
def test_a_text_frame_is_the_one_wsproto_makes(size: int) -> None:
    text = "x" * size
    assert text_frame(text.encode()) == bytes(FrameProtocol(False, []).send_data(text))


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"attempt": 1, "version": 1}, {"attempt": 1, "version": 2}),
        ({"attempt": 1, "version": 9}, {"attempt": 2, "version": 3}),
        (
            {"version": 1, "server_time": "2026-01-01T00:00:01.000Z"},
            {"version": 1, "server_time": "2026-01-01T00:00:02.000Z"},
        ),
    ],
)
def test_the_newer_event_of_a_job_stays_whichever_comes_last(
    older: dict[str, object], newer: dict[str, object]
) -> None:
    first, second = event(**older), event(**newer)
    assert second.over(first) is second
    assert first.over(second) is second


def test_events_of_two_jobs_do_not_meet() -> None:
    assert event(job_id="a").key != event(job_id="b").key


def test_two_moves_of_the_line_become_one_with_the_newest_of_each_place() -> None:
    merged = queue("2", 5, b=2, c=1).over(queue("1", 7, a=3, b=4))
    assert isinstance(merged, QueueMove)
    told = json.loads(merged.frame[2 if len(merged.frame) < 128 else 4 :])
    assert told["waiting"] == 5
    assert told["server_time"] == "2"
    assert {place["job_id"]: place["queue_position"] for place in told["jobs"]} == {"a": 3, "b": 2, "c": 1}


def test_a_job_that_left_the_line_keeps_no_place_beside_whoever_has_it_now() -> None:
    merged = queue("3", 4, c=1).over(queue("2", 5, b=1).over(queue("1", 6, a=2, b=2, gone=1)))
    assert isinstance(merged, QueueMove)
    places = {place["job_id"]: place["queue_position"] for place in merged.event["jobs"]}
    assert places == {"a": 2, "c": 1}


def test_any_other_message_replaces_its_older_one() -> None:
    newer = Message("ping", b"2")
    assert newer.over(Message("ping", b"1")) is newer
