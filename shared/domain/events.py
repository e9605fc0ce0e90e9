"""Events: their names, their payloads, and how they travel through Redis.

An event is a past fact. Events may be lost, states may not: every job in one carries
(attempt, version), so a client can tell the newer of two.

On the channel a message is a routing line, a newline and the ready JSON body, so that a
relay can route and frame without reading JSON:

    to id:42,name:alice\\n{"type": "image_progress", "job": {...}}
    line\\n                                     the waiting line moved; each process looks
    beat\\n                                     a subscriber's own heartbeat
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote, unquote

from shared.domain.jobs import iso

PROTOCOL = 1


class EventType(StrEnum):
    """The `type` of every frame the server sends."""

    HELLO = "hello"
    SNAPSHOT = "snapshot"
    IMAGE_PROGRESS = "image_progress"
    QUEUE = "queue"
    PING = "ping"
    RESYNC = "resync"


class Kind(StrEnum):
    """What a message on the channel is, by the first word of its routing line."""

    TO = "to"
    LINE = "line"
    BEAT = "beat"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One decoded message of the channel; `body` is ready JSON in UTF-8."""

    kind: Kind
    audience: frozenset[str] = frozenset()
    body: bytes = b""


def to_json(value: object) -> bytes:
    """Return compact JSON in UTF-8; NaN is refused."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode()


def image_progress(job_view: dict[str, Any]) -> dict[str, Any]:
    """Return the event that tells a job's state; `job_view` as `client_view` makes it."""
    return {"type": EventType.IMAGE_PROGRESS.value, "job": job_view}


def queue_moved(totals: dict[str, Any], places: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    """Return the event that tells the line's totals and one owner's new places.

    `totals`: waiting, processing, held, paused, retry_at. `places`: objects of job_id,
    queue_position, eta_seconds.
    """
    return {
        "type": EventType.QUEUE.value,
        **totals,
        "jobs": places,
        "server_time": iso(now),
    }


def encode(audience: frozenset[str], event: dict[str, Any]) -> bytes:
    """Return the channel message that brings `event` to every socket of `audience`."""
    return b"to " + _pack(audience) + b"\n" + to_json(event)


LINE_MOVED = b"line\n"
HEARTBEAT = b"beat\n"


def decode(message: bytes) -> Envelope | None:
    """Return the envelope of a channel message, or None if it is none of ours."""
    head, newline, body = message.partition(b"\n")
    word, _, members = head.partition(b" ")
    try:
        kind = Kind(word.decode("ascii"))
    except ValueError:
        return None
    if not newline:
        return None
    return Envelope(kind, _unpack(members), body)


def _pack(audience: frozenset[str]) -> bytes:
    members = []
    for member in sorted(audience):
        prefix, _, name = member.partition(":")
        members.append(f"{prefix}:{quote(name, safe='')}")
    return ",".join(members).encode("ascii")


def _unpack(members: bytes) -> frozenset[str]:
    parts = (part.partition(":") for part in members.decode("ascii").split(",") if part)
    return frozenset(f"{prefix}:{unquote(name)}" for prefix, _, name in parts)
