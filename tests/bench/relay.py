"""The relay under load, with a naive design, python-socketio and aiohttp beside it: `python -m tests.bench.relay`.

Figures are medians on whatever machine this is; the load client is another process than the server. Ours are held to
GOALS or, on a machine where even a bare loop of `send` takes longer, to SLACK times what that loop takes: a miss is
printed, and the exit code is 1.

    --only ours,naive …    fewer servers          --quick    fewer sockets, no goals
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter, sleep
from typing import Any

from redis import Redis

from tests import services
from tests.bench import relay_slow
from tests.bench.relay_load import Load
from tests.bench.relay_servers import KINDS, Running, running

REPEATS = 11
#: the crowd of a fan-out looks so often. Browsers are elsewhere; a client that is woken for every frame, on the cores
#: of the server, makes each `send` wake it, and its reading is then what is measured. What this adds counts against us.
LOOK_EVERY_S = 0.0002
RATE_PER_S = 2000
TARGETED_S = 5.0
ONE_USER = "1"
MOMENT = "2026-01-01T00:00:00.000Z"


@dataclass
class Figures:
    """What one server showed; times in milliseconds, memory in KB, CPU in microseconds."""

    name: str
    values: dict[str, float] = field(default_factory=dict)

    def line(self) -> str:
        """One row of the table."""
        return f"{self.name:10}" + "".join(f"{self.values.get(key, float('nan')):>13.2f}" for key in COLUMNS)


COLUMNS = (
    "idle", "connects/s", "KB/socket", "1000 last", "5000 last", "5000 worst", "us/delivery", "p50", "p99", "p99.9",
    "us/event",
)  # fmt: skip
GOALS: dict[str, float] = {
    "KB/socket": 35, "1000 last": 15, "5000 last": 55, "us/delivery": 12, "p99": 2,
}  # fmt: skip
#: of these, the machine's own share is known
ASKED_OF_THE_MACHINE = ("1000 last", "5000 last", "us/delivery", "p99")
SLACK = 1.4


class Publisher:
    """Publishes marked events of 230 bytes for one kind of server, without waiting for Redis' answers."""

    def __init__(self, server: Running, redis_url: str) -> None:
        self._message = server.kind.message
        self._link: Any = Redis.from_url(redis_url).connection_pool.get_connection()
        self._unanswered = 0
        self._count = 0

    def publish(self, user: str) -> str:
        """Publish one event of 230 bytes for `user`; returns its mark."""
        self._count += 1
        mark = f"{self._count:016x}"
        self.send(user, mark, f"job-{user}", self._count, "x" * 70)
        return mark

    def send(self, user: str, mark: str, job_id: str, version: int, prompt: str) -> None:
        """Publish one event."""
        job = {"job_id": job_id, "attempt": 1, "version": version, "server_time": MOMENT, "prompt": prompt}
        event: dict[str, Any] = {"type": "image_progress", "mark": mark, "job": job}
        self._link.send_command("PUBLISH", *self._message(user, event))
        self._unanswered += 1
        while self._unanswered > 100:
            self._link.read_response()
            self._unanswered -= 1


def memory(load: Load, server: Running, count: int, figures: Figures) -> None:
    """Hold `count` idle sockets of as many users."""
    before = server.rss()
    took_s = load.connect([f"{user}/u{user}" for user in range(10_000, 10_000 + count)])
    figures.values |= {"idle": count, "connects/s": count / took_s, "KB/socket": (server.rss() - before) / count / 1024}


def fan_out(load: Load, server: Running, publisher: Publisher, count: int, figures: Figures) -> None:
    """Publish one event to `count` sockets of one user, again and again."""
    load.connect([f"{ONE_USER}/u{ONE_USER}"] * (count - load.greeted))
    _settle(load)
    got: list[float] = []
    load.on_mark = lambda _, at: got.append(at)
    cpu_s = server.cpu_s()
    took_ms = [_one(load, publisher, count, got) for _ in range(REPEATS)]
    per_delivery = (server.cpu_s() - cpu_s) / REPEATS / count * 1e6
    figures.values |= {f"{count} last": statistics.median(took_ms), f"{count} worst": max(took_ms)}
    figures.values["us/delivery"] = per_delivery


def _one(load: Load, publisher: Publisher, count: int, got: list[float]) -> float:
    got.clear()
    began = perf_counter()
    publisher.publish(ONE_USER)
    while len(got) < count:
        sleep(LOOK_EVERY_S)
        load.turn(0.1)
        if perf_counter() - began > 20:
            raise RuntimeError(f"{len(got)} of {count} received")
    _settle(load)
    return (max(got) - began) * 1000


def targeted(load: Load, server: Running, publisher: Publisher, users: int, figures: Figures) -> None:
    """Publish at a steady rate, each event to one of `users`, and time every arrival."""
    load.connect([f"{user}/u{user}" for user in range(100, 100 + users)])
    _settle(load)
    sent: dict[str, float] = {}
    waits_ms: list[float] = []

    def arrived(mark: bytes, at: float) -> None:
        waits_ms.append((at - sent.pop(mark.decode())) * 1000)

    load.on_mark = arrived
    cpu_s = server.cpu_s()
    count = int(RATE_PER_S * TARGETED_S)
    began = perf_counter()
    for number in range(count):
        while (left_s := began + number / RATE_PER_S - perf_counter()) > 0:
            load.turn(left_s)
        now = perf_counter()
        sent[publisher.publish(str(100 + number % users))] = now
    while sent and perf_counter() - began < TARGETED_S + 10:
        load.turn(0.1)
    if sent:
        raise RuntimeError(f"{len(sent)} of {count} were lost")
    cuts = statistics.quantiles(waits_ms, n=1000)
    figures.values |= {"p50": cuts[499], "p99": cuts[989], "p99.9": cuts[998]}
    figures.values["us/event"] = (server.cpu_s() - cpu_s) / count * 1e6


def _settle(load: Load) -> None:
    """Read until nothing comes for a moment."""
    while load.turn(0.3):
        pass


@contextmanager
def crowd(server: Running) -> Iterator[Load]:
    """A fresh crowd of clients."""
    load = Load(server.port, server.kind.path, greeting=server.kind.greeting, welcome=server.kind.welcome)
    try:
        yield load
    finally:
        load.close()


def measure(name: str, redis_url: str, *, idle: int, crowds: tuple[int, ...]) -> Figures:
    """Run every measurement against one server, a fresh process for each."""
    figures = Figures(name)
    with running(name, redis_url) as server, crowd(server) as load:
        memory(load, server, idle, figures)
    with running(name, redis_url) as server, crowd(server) as load:
        publisher = Publisher(server, redis_url)
        for count in crowds:
            fan_out(load, server, publisher, count, figures)
    with running(name, redis_url) as server, crowd(server) as load:
        targeted(load, server, Publisher(server, redis_url), 1000, figures)
    return figures


def stalled(name: str, redis_url: str, say: Callable[[str], None]) -> bool:
    """Run the load with one stalled reader; returns whether the others were spared."""
    with running(name, redis_url) as server:
        outcome = relay_slow.measure(server, Publisher(server, redis_url).send)
    say(
        f"1 stalled of {relay_slow.HEALTHY}: p99 {outcome.p99_beside:.1f} ms, without it {outcome.p99_alone:.1f} ms; "
        f"it found: {outcome.stalled}"
    )
    return outcome.p99_beside <= 2 * outcome.p99_alone


def report(all_figures: list[Figures], say: Callable[[str], None]) -> bool:
    """Print the table and the goals; returns whether all were met."""
    say(" " * 10 + "".join(f"{column:>13}" for column in COLUMNS))
    for figures in all_figures:
        say(figures.line())
    by_name = {figures.name: figures.values for figures in all_figures}
    ours = by_name.get("ours", {})
    goals = {key: _goal(key, by_name.get("bare", {})) for key in GOALS}
    misses = [f"{key}: {ours[key]:.2f}, goal {goal:.2f}" for key, goal in goals.items() if ours.get(key, 0) > goal]
    for rival, factor in (("socketio", 3.0), ("aiohttp", 1.0)):
        ratio = _ahead(ours, by_name.get(rival, {}))
        if ratio is not None:
            say(f"fan-out: {ratio:.1f} times ahead of {rival}")
            misses += [f"ahead of {rival}: {ratio:.1f}, goal {factor}"] if ratio < factor else []
    for miss in misses:
        say(f"MISSED {miss}")
    return not misses


def _ahead(ours: dict[str, float], rival: dict[str, float]) -> float | None:
    """How many times faster our last of a crowd is reached: the mean over the crowds both had."""
    ratios = [rival[key] / ours[key] for key in ("1000 last", "5000 last") if key in ours and key in rival]
    return statistics.geometric_mean(ratios) if ratios else None


def _goal(key: str, bare: dict[str, float]) -> float:
    """The goal of one figure, on this machine."""
    return max(GOALS[key], SLACK * bare[key]) if key in ASKED_OF_THE_MACHINE and key in bare else GOALS[key]


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    all_figures = []
    with services.redis_server() as redis:
        for name in asked.only.split(","):
            most = 10_000 if name == "ours" else 2000
            idle, crowds = (500, (200,)) if asked.quick else (most, (1000, 5000))
            all_figures.append(measure(name, redis.url, idle=idle, crowds=crowds))
            print(all_figures[-1].line(), flush=True)
        spared = stalled("ours", redis.url, print) if "ours" in asked.only else True
    return 0 if (report(all_figures, print) and spared) or asked.quick else 1


if __name__ == "__main__":
    sys.exit(main())
