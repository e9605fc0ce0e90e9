"""What tests of the relay say and hear: jobs, events, and a browser's end of a socket."""

import json
import struct
from collections.abc import Callable
from typing import Any

import redis
import websocket

from shared import redis_link
from shared.domain.identity import audience_of
from shared.events_bus import Publisher
from tests.relay_app import JOBS, LINE, QUEUE

Event = dict[str, Any]
ALICE = audience_of("42", "alice")
CLOSE = websocket.ABNF.OPCODE_CLOSE


def job(job_id: str = "a", *, version: int = 1, attempt: int = 1, **fields: Any) -> dict[str, Any]:
    """Return a job as far as the relay looks at it."""
    moment = f"2026-01-01T00:00:{version:06.3f}Z"
    return {"job_id": job_id, "attempt": attempt, "version": version, "server_time": moment, **fields}


class Backstage:
    """The rest of the system, as far as a test plays it."""

    def __init__(self, redis_url: str, store_url: str | None = None) -> None:
        self.redis = redis.Redis.from_url(store_url or redis_url, decode_responses=True)
        self._link = redis_link.connect(redis_url)
        self._publisher = Publisher(self._link)
        self._seq = 0

    def close(self) -> None:
        """Leave."""
        self.redis.close()
        self._link.close()

    def store(self, changed: dict[str, Any], audience: frozenset[str] = ALICE) -> None:
        """Commit a job's change, and tell nobody."""
        self._seq += 1
        row = {"seq": self._seq, "audience": sorted(audience), "job": changed}
        self.redis.hset(JOBS, changed["job_id"], json.dumps(row))

    def publish(self, changed: dict[str, Any], audience: frozenset[str] = ALICE) -> bool:
        """Publish an event; tells whether Redis took it."""
        return self._publisher.send_image_progress(changed, audience)

    def change(self, changed: dict[str, Any], audience: frozenset[str] = ALICE) -> None:
        """Commit, then publish."""
        self.store(changed, audience)
        self.publish(changed, audience)

    def line(self, *places: tuple[str, str, int], tell: bool = True, **queue: Any) -> None:
        """Let the line be (user id, job id, position)…, with these totals."""
        rows = [json.dumps({"audience": [f"id:{user}"], "place": [name, at, 10 * at]}) for user, name, at in places]
        totals = {"waiting": len(places), "processing": 0, "held": False, "paused": False, "retry_at": None} | queue
        with self.redis.pipeline() as pipe:
            pipe.delete(LINE)
            if rows:
                pipe.rpush(LINE, *rows)
            pipe.set(QUEUE, json.dumps(totals))
            pipe.execute()
        if tell:
            assert self._publisher.line_moved()


def hear(ws: websocket.WebSocket) -> Event:
    """Return the next event."""
    event: Event = json.loads(ws.recv())
    return event


def hear_until(ws: websocket.WebSocket, wanted: Callable[[Event], object]) -> list[Event]:
    """Return every event up to the first that is wanted."""
    heard = [hear(ws)]
    while not wanted(heard[-1]):
        heard.append(hear(ws))
    return heard


def greeted(ws: websocket.WebSocket) -> tuple[Event, Event]:
    """Return the hello and the snapshot that a socket begins with."""
    hello, snapshot = hear(ws), hear(ws)
    assert (hello["type"], snapshot["type"]) == ("hello", "snapshot")
    return hello, snapshot


def is_job(job_id: str, version: int) -> Callable[[Event], bool]:
    """Tell an event of this version of this job."""
    return lambda event: (
        event["type"] == "image_progress" and (event["job"]["job_id"], event["job"]["version"]) == (job_id, version)
    )


def close_code(ws: websocket.WebSocket) -> int:
    """Read on until the server's close frame; return its code."""
    while True:
        opcode, data = ws.recv_data()
        if opcode == CLOSE:
            code: int = struct.unpack("!H", data[:2])[0]
            return code
