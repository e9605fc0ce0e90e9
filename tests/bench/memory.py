"""What the processes weigh while thousands of jobs pass: `python -m tests.bench.memory [JOBS]`, 10,000 unless told.

Every job is submitted over HTTP, drawn as fast as Forge's stand-in answers, and followed by one browser's socket. Their
resident memory is printed after each thousand, in MB, parents before their children; the last line is what it grew to.
Takes some seven minutes, so it is no part of `make bench`, which looks at a thousand or two.
"""

import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from websocket import WebSocketException, create_connection

from tests.bench import figures
from tests.bench.stage import Stage, stage

WAVE, EACH = 1_000, 16
SMALL = {"width": 512, "height": 512, "steps": 4}


def main(jobs: int) -> None:
    """Measure and print."""
    with stage() as made, browser(made):
        made.empty()
        figures.warm_up(made)
        before = figures.resident_mb(made)
        print(f"{'jobs':>7}  " + "".join(f"{name:>16}" for name in before))
        print_row(0, before)
        made.forge.settings(job_seconds=0.0, payload="plain")
        for done in range(WAVE, jobs + 1, WAVE):
            wave(made)
            print_row(done, figures.resident_mb(made))
        after = figures.resident_mb(made)
    grown = {name: max(now / was for now, was in zip(after[name], before[name], strict=True)) for name in before}
    print(f"{'grown':>7}  " + "".join(f"{times:>15.2f}×" for times in grown.values()))


def wave(made: Stage) -> None:
    """Submit a wave over HTTP while it is drawn, and wait for its last picture."""
    made.forge.order("DELETE", "log")
    made.resume()
    with ThreadPoolExecutor(EACH) as pool:
        list(pool.map(lambda _: made.submit(**SMALL), range(WAVE)))
    made.wait_answered(WAVE)
    made.pause()


def print_row(done: int, resident: dict[str, list[float]]) -> None:
    """Print one line of the table."""
    told = ("+".join(f"{mb:.0f}" for mb in family) for family in resident.values())
    print(f"{done:>7}  " + "".join(f"{text:>16}" for text in told), flush=True)


@contextmanager
def browser(made: Stage) -> Iterator[None]:
    """Follow every event on one socket inside the `with` block."""
    socket = create_connection(made.url.replace("http", "ws") + "/ws", timeout=None)

    def follow() -> None:
        try:
            while json.loads(socket.recv() or "null"):
                pass
        except (OSError, ValueError, WebSocketException):
            return

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    yield
    socket.close()
    reader.join(10)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
