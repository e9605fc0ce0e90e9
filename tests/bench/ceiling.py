"""How many jobs a second the store carries: `python -m tests.bench.ceiling [SECONDS]`.

Processes without a Forge walk jobs through everything a worker writes (submit, claim, begin, ten steps of progress,
complete), all on one line of one PostgreSQL. A claim's time is what it costs to find the first of the line while the
others do the same.
"""

import multiprocessing
import sys
import time
from itertools import count
from statistics import median, quantiles

from shared.domain.jobs import Stage
from shared.store import Claimant, Store
from shared.store.schema import migrate
from tests import services
from tests.builders import NO_CAPS, new_job

PROCESSES = (1, 2, 4, 8)
LINE = 500


def main(seconds: float) -> None:
    """Measure and print."""
    with services.postgres() as server:
        migrate(server.url)
        print(
            f"{'processes':>9} {'jobs/s':>8} {'claim: median':>14} {'p99':>8}   (a line of {LINE} waits all the while)"
        )
        for processes in PROCESSES:
            services.empty_database(server.url)
            _fill(server.url)
            with multiprocessing.get_context("spawn").Pool(processes) as pool:
                found = pool.starmap(walk, [(server.url, number, seconds) for number in range(1, processes + 1)])
            claims = sorted(one for part in found for one in part)
            cuts = quantiles(claims, n=100)
            rate = len(claims) / seconds
            print(f"{processes:>9} {rate:>8.0f} {1000 * median(claims):>11.1f} ms {1000 * cuts[98]:>5.1f} ms")


def walk(url: str, number: int, seconds: float) -> list[float]:
    """Walk jobs to their end for so long; return the seconds of each claim."""
    store, claimant = Store(url), Claimant(f"gpu{number}", str(number), f"http://forge{number}")
    tickets = count(number * 10_000_000)
    until, claims = time.monotonic() + seconds, []
    while time.monotonic() < until:
        store.add_job(new_job(), ticket=next(tickets), caps=NO_CAPS)
        began = time.perf_counter()
        change = store.claim(claimant, lease_s=60)
        claims.append(time.perf_counter() - began)
        if change is None:
            continue
        store.begin_try(change.job, "task")
        for percent in range(0, 100, 10):
            store.save_progress(change.job, progress=percent, stage=Stage.SAMPLING)
        store.complete(change.job, image_name=f"flux_{change.job.ticket}.png", params=change.job.params)
    store.close()
    return claims


def _fill(url: str) -> None:
    store = Store(url)
    for ticket in range(1, LINE + 1):
        store.add_job(new_job(), ticket=ticket, caps=NO_CAPS)
    store.close()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
