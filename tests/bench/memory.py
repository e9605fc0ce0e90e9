"""What the processes weigh while thousands of jobs pass: `python -m tests.bench.memory [JOBS]`, 10,000 unless told.

Every job is submitted over HTTP, drawn as fast as Forge's stand-in answers, and followed to its end by one browser's
socket. Each process's resident memory is printed after each thousand, in MB, parents before their children; the last
line is what it grew to. Takes some seven minutes, so it is no part of `make bench`, which looks at a thousand or two.
"""

import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial

from websocket import WebSocketException, create_connection

from tests.bench import figures
from tests.bench.stage import Stage, stage
from tests.waiting import wait_for

WAVE, EACH = 1_000, 16
SMALL = {"width": 512, "height": 512, "steps": 4}


def main(jobs: int) -> None:
    """Measure and print."""
    with stage() as made:
        made.empty()
        figures.warm_up(made)
        before = figures.resident_mb(made)
        print(f"{'jobs':>7}  " + "".join(f"{name:>16}" for name in before))
        print_row(0, before)
        made.forge.settings(job_seconds=0.0, payload="plain")
        with browser(made) as ended:
            for done in range(WAVE, jobs + 1, WAVE):
                wave(made)
                wait_for(partial(reached, ended, done), what=f"the socket's word of {done} ends")
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


def reached(ended: set[str], count: int) -> bool:
    """Whether so many jobs were heard to have ended."""
    return len(ended) >= count


@contextmanager
def browser(made: Stage) -> Iterator[set[str]]:
    """Follow every event on one socket inside the `with` block; gives the ids of the jobs it has heard the end of."""
    socket = create_connection(made.url.replace("http", "ws") + "/ws", timeout=None)
    ended: set[str] = set()

    def follow() -> None:
        with suppress(OSError, WebSocketException):  # whoever is closed hears no more ends, which is noticed
            while text := socket.recv():
                event = json.loads(text)
                if event["type"] == "image_progress" and event["job"]["finished_at"]:
                    ended.add(event["job"]["job_id"])

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    yield ended
    socket.close()
    reader.join(10)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
