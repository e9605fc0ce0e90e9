"""What waits for a socket: a frame built once, and the rule which of two messages of one kind stays.

frame            rule when an older one of the same key still waits
image_progress   the newer (attempt, version, server_time) stays, so a status is never replaced by an older one
queue            the newer totals, and the newest place of every job that waits
any other        the newer stays
"""

import json
import struct
from collections.abc import Container
from functools import cached_property
from typing import Any, Self

from shared.domain.events import EventType, to_json

Key = tuple[str, ...]
Stamp = tuple[int, int, str]

TEXT = 0x81
MEDIUM, LARGE = 126, 127


def text_frame(body: bytes) -> bytes:
    """Return `body` (JSON in UTF-8) as one unmasked text frame, RFC 6455 section 5.2."""
    size = len(body)
    if size < MEDIUM:
        return bytes((TEXT, size)) + body
    if size < 1 << 16:
        return struct.pack("!BBH", TEXT, MEDIUM, size) + body
    return struct.pack("!BBQ", TEXT, LARGE, size) + body


def stamp_of(job: dict[str, Any]) -> Stamp:
    """Return what orders two views of one job; the greater is the newer."""
    return job["attempt"], job["version"], job["server_time"]


class Message:
    """A frame of which only the newest counts."""

    def __init__(self, kind: str, frame: bytes) -> None:
        self.key: Key = (kind,)
        self.frame = frame

    @classmethod
    def of(cls, event: dict[str, Any]) -> Self:
        """Frame an event by its type."""
        return cls(event["type"], text_frame(to_json(event)))

    def over(self, older: "Message") -> "Message":
        """Return what stays when `older` still waits."""
        return self


class JobEvent(Message):
    """An `image_progress` event; its JSON is read only when it has to be compared."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.frame = text_frame(body)

    @cached_property
    def key(self) -> Key:  # type: ignore[override]
        """One per job."""
        return (EventType.IMAGE_PROGRESS.value, self._job["job_id"])

    @cached_property
    def stamp(self) -> Stamp:
        """What orders it among the events of its job."""
        return stamp_of(self._job)

    def over(self, older: Message) -> Message:
        """The newer of the two."""
        return older if isinstance(older, JobEvent) and older.stamp > self.stamp else self

    @cached_property
    def _job(self) -> dict[str, Any]:
        job: dict[str, Any] = json.loads(self._body)["job"]
        return job


class QueueMove(Message):
    """A `queue` event: the line's totals and the new places of one owner's jobs.

    `waiting` holds the ids of the jobs that stood in the line when it was looked at, the owner's among them.
    """

    def __init__(self, event: dict[str, Any], waiting: Container[str]) -> None:
        self.key = (EventType.QUEUE.value,)
        self.event = event
        self._waiting = waiting

    @cached_property
    def frame(self) -> bytes:  # type: ignore[override]
        """Framed when it is written, since it may be merged before."""
        return text_frame(to_json(self.event))

    def over(self, older: Message) -> Message:
        """The newer totals, with the older's places of jobs that this one does not name and that wait still."""
        if not isinstance(older, QueueMove):
            return self
        kept = (place for place in older.event["jobs"] if place["job_id"] in self._waiting)
        places = {place["job_id"]: place for place in (*kept, *self.event["jobs"])}
        return QueueMove({**self.event, "jobs": list(places.values())}, self._waiting)
