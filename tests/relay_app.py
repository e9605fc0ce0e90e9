"""A small application around the relay: a fake feed and fake tokens; `tests.relay_server` serves it.

The token `42/alice` is the user 42 named alice, `42/alice/3` one whose token ends in three seconds; `bad`
is refused. The feed reads what the test has written to Redis (that of FAKE_STORE_URL, if set), in the place of a store.

    HASH  fake:jobs    job_id -> {"seq", "audience", "job"}
    STRING fake:queue  the totals;  LIST fake:line  one place after the other;  STRING fake:down  the store is away
"""

import gc
import json
import os
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
import psutil
from flask import Flask, Request, Response, current_app, jsonify, request
from gevent import Greenlet
from redis.exceptions import RedisError

from api.metrics_relay import EVENTS_COALESCED
from api.relay.ports import Addressed, LineView, Place
from api.ws import EXTENSION, init_relay
from shared import redis_link
from shared.domain.errors import ForgelineError, QueueUnavailable, Unauthenticated
from shared.domain.events import image_progress
from shared.domain.identity import LOCAL_IDENTITY, Identity
from shared.settings import Settings

JOBS, QUEUE, LINE, DOWN = "fake:jobs", "fake:queue", "fake:line", "fake:down"
BUSY = {"requests": 0}
EMPTY_QUEUE = {"waiting": 0, "processing": 0, "held": False, "paused": False, "retry_at": None}


class FakeTokens:
    """Reads who someone is from the token's own text."""

    def __init__(self, mode: str) -> None:
        self.mode = mode

    def from_request(self, asking: Request) -> Identity | None:
        """As api.auth does."""
        if self.mode == "local":
            return LOCAL_IDENTITY
        token = asking.headers.get("Authorization", "").removeprefix("Bearer ") or asking.cookies.get("session")
        return self.from_token(token) if token else None

    def from_token(self, token: str) -> Identity:
        """`id/name[/seconds]`."""
        if token == "bad":
            raise Unauthenticated
        user_id, name, *left = token.split("/")
        ends = datetime.now(UTC) + timedelta(seconds=float(left[0])) if left else None
        return Identity(user_id, name or None, frozenset(), ends)


class FakeFeed:
    """The store's stand-in."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis_link.connect(redis_url)

    def snapshot(self, identity: Identity) -> dict[str, Any]:
        """Everything of one user."""
        rows = self._rows()
        jobs = [row["job"] for row in rows if f"id:{identity.user_id}" in row["audience"]]
        if not jobs:
            return {"jobs": [], "queue": self._queue(), "truncated": False}
        places = {place.job_id: place.queue_position for place in self._places()}
        jobs = [job | {"queue_position": places.get(job["job_id"], 0)} for job in jobs]
        return {"jobs": jobs, "queue": self._queue(), "truncated": False}

    def line(self, members: Collection[str]) -> LineView:
        """The line as the test wrote it."""
        return LineView(self._queue(), [place for place in self._places() if not place.audience.isdisjoint(members)])

    def changes_since(self, seq: int, _present: object) -> tuple[int, list[Addressed]]:
        """Jobs by their change sequence."""
        rows = [row for row in self._rows() if row["seq"] > seq]
        newest = max([row["seq"] for row in rows], default=seq)
        return newest, [(frozenset(row["audience"]), image_progress(row["job"])) for row in rows]

    def latest_seq(self) -> int:
        """The newest sequence number."""
        return max([row["seq"] for row in self._rows()], default=0)

    def _rows(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self._ask("hvals", JOBS)]

    def _places(self) -> list[Place]:
        rows = [json.loads(text) for text in self._ask("lrange", LINE, 0, -1)]
        return [Place(frozenset(row["audience"]), *row["place"]) for row in rows]

    def _queue(self) -> dict[str, Any]:
        text = self._ask("get", QUEUE)
        queue: dict[str, Any] = json.loads(text) if text else EMPTY_QUEUE
        return queue

    def _ask(self, command: str, *arguments: Any) -> Any:
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                getattr(pipe.exists(DOWN), command)(*arguments)
                down, answer = pipe.execute()
        except RedisError as error:
            raise QueueUnavailable from error
        if down:
            raise QueueUnavailable
        return answer


def create_app(settings: Settings, redis_url: str) -> Flask:
    """Return the application: `/ws`, `/census` and `/slow`."""
    app = Flask("fake")
    feed = FakeFeed(os.environ.get("FAKE_STORE_URL", redis_url))
    init_relay(app, settings=settings, redis_url=redis_url, feed=feed, authenticator=FakeTokens(settings.auth_mode))
    app.register_error_handler(ForgelineError, lambda error: (error.code.value, 400))
    app.add_url_rule("/census", "census", _census)
    app.add_url_rule("/slow", "slow", _slow, methods=["GET", "POST"])
    return app


def _census() -> Response:
    """What this process holds."""
    relay = current_app.extensions[EXTENSION]
    if request.args.get("collect"):
        gc.collect()
    process = psutil.Process()
    return jsonify(
        pid=process.pid,
        sockets=len(relay.room.registry),
        deadlines=len(relay.room.deadlines),
        turns=len(relay.room.turns),
        members=len(relay.room.registry.members()),
        subscribed=relay.listening,
        greenlets=sum(isinstance(thing, Greenlet) and not thing.dead for thing in gc.get_objects()),
        coalesced=EVENTS_COALESCED._value.get(),
        busy=BUSY["requests"],
        files=process.num_fds(),
        rss=process.memory_info().rss,
        cpu=sum(process.cpu_times()[:2]),
    )


def _slow() -> str:
    BUSY["requests"] += 1
    gevent.sleep(float(request.args["s"]))
    BUSY["requests"] -= 1
    return "done"
