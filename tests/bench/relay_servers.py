"""The servers of the comparison, each in a process of its own, and how to publish to it.

    ours       the relay, served as in production
    naive      Flask-Sock, one Redis subscription per socket
    socketio   python-socketio on gevent, with its Redis manager
    aiohttp    one subscription, frames sent in a loop
    bare       no server at all: a loop of `send`, which is what this machine asks for

All but ours stand in `tests.bench.relay_rivals`. Each has a core of its own, and the load client the others: which of
them the system would let take turns is chance, and would be a part of what is measured.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psutil

from cli.ports import free_port
from shared.domain.events import encode
from shared.redis_keys import EVENTS_CHANNEL
from tests.waiting import wait_for


class Kind(NamedTuple):
    """How one server is spoken to."""

    path: str
    greeting: tuple[str, ...]
    #: what stands in the frame that tells a client it is subscribed
    welcome: str
    #: (user, event) -> channel, message
    message: Callable[[str, dict[str, Any]], tuple[str, bytes]]


def _ours(user: str, event: dict[str, Any]) -> tuple[str, bytes]:
    return EVENTS_CHANNEL, encode(frozenset({f"id:{user}", f"name:u{user}"}), event)


def _plain(user: str, event: dict[str, Any]) -> tuple[str, bytes]:
    return "events", json.dumps({"user": user, "event": event}).encode()


def _own_channel(user: str, event: dict[str, Any]) -> tuple[str, bytes]:
    return f"user:{user}", json.dumps(event).encode()


def _emit(user: str, event: dict[str, Any]) -> tuple[str, bytes]:
    message = {
        "method": "emit", "event": "progress", "data": [event], "namespace": "/", "room": user, "skip_sid": None,
        "callback": None, "host_id": "bench", "binary": False,
    }  # fmt: skip
    return "socketio", json.dumps(message).encode()


KINDS = {
    "ours": Kind("/ws", (), '"snapshot"', _ours),
    "naive": Kind("/ws", (), '"welcome"', _own_channel),
    "socketio": Kind("/socket.io/?EIO=4&transport=websocket", ('40{"token":"TOKEN"}',), "40{", _emit),
    "aiohttp": Kind("/ws", (), '"welcome"', _plain),
    "bare": Kind("/ws", (), '"welcome"', _plain),
}


class Running(NamedTuple):
    """A server under load."""

    kind: Kind
    port: int
    worker: psutil.Process

    def rss(self) -> int:
        """Resident bytes."""
        return int(self.worker.memory_info().rss)

    def cpu_s(self) -> float:
        """CPU seconds used so far, user and system."""
        times = self.worker.cpu_times()
        return float(times.user + times.system)


@contextmanager
def running(name: str, redis_url: str) -> Iterator[Running]:
    """Run one server until the block ends."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="fl-bench-") as folder:
        env = os.environ | {"AUTH_MODE": "jwt", "JWT_SECRET": "x" * 32, "DATA_DIR": folder, "LOG_LEVEL": "warning"}
        env |= {"PORT": str(port), "REDIS_URL": redis_url, "SOCKETS_PER_USER": "100000"}
        module = ["tests.relay_main"] if name == "ours" else ["tests.bench.relay_rivals", name, str(port), redis_url]
        process = subprocess.Popen([sys.executable, "-m", *module], env=env)
        try:
            with _cores_apart(process.pid):
                yield Running(KINDS[name], port, wait_for(lambda: _workers(process.pid, port), what=name)[-1])
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _cores_apart(pid: int) -> Iterator[None]:
    """Give a process, and what it will start, the first core; this thread has the others until the block ends."""
    cores = os.sched_getaffinity(0)
    first = min(cores)
    os.sched_setaffinity(pid, {first})
    os.sched_setaffinity(0, cores - {first} or cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _workers(pid: int, port: int) -> list[psutil.Process]:
    """Return the processes that listen on `port`, the one that serves last; none before it does."""
    parent = psutil.Process(pid)
    children = parent.children(recursive=True)
    family = [parent, *children] if children or _serves_alone(parent) else []
    return [one for one in family if _listens(one, port)]


def _listens(process: psutil.Process, port: int) -> bool:
    return any(link.laddr.port == port for link in process.net_connections() if link.status == "LISTEN")


def _serves_alone(process: psutil.Process) -> bool:
    return not {"aiohttp", "bare"}.isdisjoint(process.cmdline())
