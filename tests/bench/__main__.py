"""The benchmark suite: `make bench`, or `python -m tests.bench [--only gap,depth] [--quick]`.

It starts the real stack on the stand-in and measures it side by side with others and with what the machine itself
costs, in one run of at most five minutes. Prints a table, keeps var/bench/latest.json and a line in
var/bench/history.jsonl. docs/performance.md explains the figures. The exit code is 1 when a goal was missed.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable

from tests.bench import figures, floor, rivals
from tests.bench.http_load import client_name
from tests.bench.moves import moves
from tests.bench.results import HEADER, Results, machine
from tests.bench.stage import Stage, stage

Part = Callable[[Stage, Results], None]

PARTS: dict[str, Part] = {
    "floor": floor.floor,
    "submissions": figures.submissions,
    "signs": figures.first_signs,
    "gap": lambda stage, results: figures.gap(stage, results, 10),
    "gap10k": lambda stage, results: figures.gap(stage, results, 10_000),
    "makespan": figures.makespan,
    "depth": figures.depth,
}
ALONE: dict[str, Callable[[Results], None]] = {
    "celery": rivals.celery_task,
    "gradio": rivals.gradio_queue,
    "relay": rivals.fan_out,
    "moves": moves,
}
IDLE_GAP = "idle gap, 3 MB pictures, 10 waiting"


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join([*PARTS, "memory", *ALONE]))
    wanted = parser.parse_args().only.split(",")
    results, began = Results(), time.monotonic()
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}; load client: {client_name()}\n\n{HEADER}")
    ours = [name for name in PARTS if name in wanted]
    if ours or "memory" in wanted:
        _ours(ours, results, memory="memory" in wanted)
    for name, measure in ALONE.items():
        if name in wanted:
            measure(results)
    _ratios(results)
    print(f"\n{time.monotonic() - began:.0f} s; kept in {results.save()}")
    return 0 if all(figure.met for figure in results.figures) else 1


def _ours(parts: list[str], results: Results, *, memory: bool) -> None:
    with stage() as made:
        made.empty()
        figures.warm_up(made)
        before = figures.resident_mb(made)
        for name in (name for name in parts if name != "depth"):
            PARTS[name](made, results)
        if memory:
            figures.memory(made, results, before)
        if "depth" in parts:
            PARTS["depth"](made, results)


def _ratios(results: Results) -> None:
    print()
    results.ratio("gap, over the bare loop", IDLE_GAP, "floor: gap of a bare loop with http.client")
    results.ratio("gap, over a plain Celery task's", IDLE_GAP, "rival: gap of a plain Celery task (stores nothing)")
    results.ratio("gap, over Gradio's", IDLE_GAP, "rival: gap of Gradio's queue (stores nothing)")
    results.ratio("gap at 10,000 waiting, over that at 10", "idle gap, 3 MB pictures, 10000 waiting", IDLE_GAP)
    at = "GET status with its place, {} waiting"
    results.ratio("GET status at 100,000 waiting, over that at 10", at.format(100_000), at.format(10))
    socketio = "rival: python-socketio: one event to 1000 sockets"
    results.ratio("fan-out of python-socketio, over ours", socketio, "ours: one event to 1000 sockets")


if __name__ == "__main__":
    sys.exit(main())
