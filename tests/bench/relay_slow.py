"""One reader that stops among two hundred that read: what the others notice, and what it finds when it resumes."""

import statistics
from time import perf_counter
from typing import Any, NamedTuple

from tests.bench.relay_load import Load
from tests.bench.relay_servers import Running
from tests.raw_socket import RawSocket

HEALTHY = 200
JOBS = 5
EVENTS_PER_S = 100
LASTS_S = 8.0
COUNT = int(EVENTS_PER_S * LASTS_S)
TURNS = 3
FRAME_BYTES = 2000
USER = "1"


class Outcome(NamedTuple):
    """Milliseconds of the healthy ones with and without the stalled one, and how that one ended."""

    p99_alone: float
    p99_beside: float
    stalled: str


def measure(server: Running, publish: Any) -> Outcome:
    """Run the same load without and with a stalled reader, in turns; RuntimeError when a healthy one lost an event."""
    load = Load(server.port, server.kind.path, greeting=server.kind.greeting, welcome=server.kind.welcome)
    load.connect([f"{USER}/u{USER}"] * HEALTHY)
    alone, beside, found = [], [], set()
    for turn in range(TURNS):
        alone.append(_p99(load, publish, first=1 + 2 * turn * COUNT))
        stalled = RawSocket(server.port, f"{USER}/u{USER}", receive_buffer=4096)
        beside.append(_p99(load, publish, first=1 + (2 * turn + 1) * COUNT))
        last = 2 * (turn + 1) * COUNT
        found.add(_resume(stalled, {f"job-{number}": last - JOBS + 1 + number for number in range(JOBS)}))
        stalled.close()
    load.close()
    return Outcome(statistics.median(alone), statistics.median(beside), "; ".join(sorted(found)))


def _p99(load: Load, publish: Any, *, first: int) -> float:
    sent: dict[bytes, float] = {}
    waits_ms: list[float] = []
    load.on_mark = lambda mark, at: waits_ms.append((at - sent[mark]) * 1000)
    began = perf_counter()
    for number in range(first, first + COUNT):
        while (left_s := began + (number - first) / EVENTS_PER_S - perf_counter()) > 0:
            load.turn(left_s)
        mark = f"{number:016x}"
        sent[mark.encode()] = perf_counter()
        publish(USER, mark, f"job-{(number - 1) % JOBS}", number, "x" * FRAME_BYTES)
    deadline = perf_counter() + 10
    while len(waits_ms) < COUNT * HEALTHY and perf_counter() < deadline:
        load.turn(0.1)
    if len(waits_ms) != COUNT * HEALTHY:
        raise RuntimeError(f"{len(waits_ms)} of {COUNT * HEALTHY} events came")
    return statistics.quantiles(waits_ms, n=100)[98]


def _resume(stalled: RawSocket, final: dict[str, int]) -> str:
    """Read on, byte by byte exact, to the final states or the close frame."""
    states: dict[str, int] = {}
    while states != final:
        frame = stalled.read()
        if frame.opcode == RawSocket.CLOSE:
            return f"a close frame, {int.from_bytes(frame.body[:2], 'big')}"
        if frame.opcode == RawSocket.TEXT and frame.event["type"] == "image_progress":
            states[frame.event["job"]["job_id"]] = frame.event["job"]["version"]
    return "an unbroken stream to the final states"
