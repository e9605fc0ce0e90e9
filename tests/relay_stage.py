"""A relay without its process: one room, a store in memory, a browser at the end of a local socket."""

import json
from collections.abc import Collection
from typing import Any

import gevent
from gevent import socket
from gevent.event import Event
from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionType
from wsproto.events import Ping, TextMessage

from api.relay.connection import Link
from api.relay.dispatcher import Dispatcher
from api.relay.ports import Addressed, LineView
from api.relay.room import Room
from api.relay.session import Session
from api.relay.sweep import Sweep
from shared.domain.events import image_progress, to_json
from shared.domain.identity import Identity

ALICE = Identity("42", "alice")
TOTALS = {"waiting": 0, "processing": 0, "held": False, "paused": False, "retry_at": None}


class MemoryFeed:
    """A store whose snapshots are finished only when the test lets them."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self._seqs: dict[str, int] = {}
        self._seq = 0
        self.gate = Event()
        self.gate.set()

    def commit(self, job: dict[str, Any]) -> None:
        """Store a job's new state."""
        self._seq += 1
        self.jobs[job["job_id"]] = job
        self._seqs[job["job_id"]] = self._seq

    def snapshot(self, identity: Identity) -> dict[str, Any]:
        """Read now, answer when the gate is open."""
        jobs = list(self.jobs.values())
        self.gate.wait()
        return {"jobs": jobs, "queue": TOTALS, "truncated": False}

    def line(self, members: Collection[str]) -> LineView:
        """Nobody waits."""
        return LineView(TOTALS, [])

    def changes_since(self, seq: int, _present: object) -> tuple[int, list[Addressed]]:
        """Jobs by their change sequence."""
        changed = [self.jobs[job_id] for job_id, at in self._seqs.items() if at > seq]
        return self._seq, [(ALICE.members, image_progress(job)) for job in changed]

    def latest_seq(self) -> int:
        """The newest number."""
        return self._seq


class WithoutTcp:
    """A local pair knows no TCP options."""

    def __init__(self, sock: Any) -> None:
        self._local = sock

    def setsockopt(self, level: int, *rest: Any) -> None:
        """Set what there is."""
        if level != socket.IPPROTO_TCP:
            self._local.setsockopt(level, *rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._local, name)


class RelayStage:
    """A room with one browser of alice's; `open` welcomes it."""

    def __init__(self) -> None:
        self.feed = MemoryFeed()
        self.room = Room(
            feed=self.feed,
            tokens=None,  # type: ignore[arg-type]  # nobody authenticates here
            auth_mode="jwt",
            sockets_per_user=9,
            socket_buffer=256,
        )
        self.dispatcher = Dispatcher(self.room)
        connected = Event()
        connected.set()
        self.sweep = Sweep(self.feed, self.dispatcher, connected=connected, news=Event())
        self.sweep.once()
        ours, self.browser = socket.socketpair()
        self.browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.session = Session(Link(WithoutTcp(ours), Protocol(ConnectionType.SERVER)), self.room)
        self._ours = ours
        self._protocol = Protocol(ConnectionType.CLIENT)
        self._pieces: list[str] = []

    def publish(self, job: dict[str, Any]) -> None:
        """Let an event arrive from Redis."""
        self.dispatcher.live(ALICE.members, to_json(image_progress(job)))

    def read(self) -> list[Any]:
        """Return the events that have come, without waiting for more."""
        self.browser.settimeout(0)
        found: list[Any] = []
        while True:
            try:
                data = self.browser.recv(65536)
            except BlockingIOError:
                return found
            self._protocol.receive_data(data)
            told = map(self._told, self._protocol.events())
            found += [each for each in told if each is not None]
            gevent.sleep(0)

    def _told(self, event: object) -> Any:
        """Return the JSON of a whole message, or the event itself; None for a piece of a message and a ping."""
        if isinstance(event, Ping):
            return None
        if not isinstance(event, TextMessage):
            return event
        self._pieces.append(event.data)
        if not event.message_finished:
            return None
        text, self._pieces = "".join(self._pieces), []
        return json.loads(text)

    def close(self) -> None:
        """Leave nothing behind."""
        self.feed.gate.set()
        self.session.dispose()
        self.browser.close()
        self._ours.close()
        gevent.sleep(0)
