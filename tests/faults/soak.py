"""`make chaos`: something is killed, frozen, cut or emptied every few seconds while short jobs run.

Prints the jobs, and how many of them were lost, doubled or failed, how many generations met in
one Forge, and the slowest recovery: from the end of a fault until every job that it caught
being drawn has ended. The next fault does not wait for that.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import requests

from shared.domain.jobs import Status
from shared.store import StoreUnavailable
from tests.faults.client import ORDER
from tests.faults.onlooker import Onlooker
from tests.faults.stack import Stack, running
from tests.faults.strikes import Strike, shuffled
from tests.waiting import wait_for

#: a generation takes 5 to 30 steps of 10 ms
STEP_S, STEPS = 0.01, (5, 30)
#: so much passes between two faults
PAUSE_S = (0.2, 2.0)
DRAIN_S = 120.0
#: a job may be struck often before it is done: the soak is about loss, not about giving up
SETTINGS = {"FORGE_TIMEOUT_S": "3", "MAX_ATTEMPTS": "20"}


@dataclass
class Verdict:
    """What came of it all."""

    jobs: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    regressions: list[str] = field(default_factory=list)
    overlaps: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.failed or self.regressions or self.overlaps)

    def __str__(self) -> str:
        return "\n".join(
            (
                f"jobs              {self.jobs}",
                f"faults            {self.faults.total()}: "
                + ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items())),
                f"lost              {len(self.lost)} {self.lost or ''}",
                f"doubled           {len(self.doubled)} {self.doubled or ''}",
                f"failed            {self.failed.total()} {dict(self.failed) or ''}",
                f"regressed         {len(self.regressions)} {self.regressions or ''}",
                f"overlaps          {self.overlaps}",
                f"slowest recovery  {self.slowest[0]:.1f} s ({self.slowest[1]})",
            )
        )


class Soak:
    """One soak over a stack that runs."""

    def __init__(self, stack: Stack, *, jobs: int, jobs_a_fault: int, dice: random.Random, say: bool = False) -> None:
        self._stack, self._wanted, self._dice, self._say = stack, jobs, dice, say
        self._jobs_a_fault = jobs_a_fault
        self._accepted: list[str] = []
        self._submitted = threading.Event()
        self._verdict = Verdict(jobs)
        self._recoveries: list[Future[tuple[float, str]]] = []
        self._witnesses = {path: path.stat().st_size for path in stack.folder.glob("witness*.jsonl")}

    def run(self) -> Verdict:
        """Submit all jobs while faults strike, then wait for the rest."""
        for forge in self._stack.forges:
            forge.settings(step_seconds=STEP_S)
        submitting = threading.Thread(target=self._submit_all, daemon=True)
        with Onlooker(f"ws://127.0.0.1:{self._stack.port}/ws") as onlooker:
            submitting.start()
            self._strike_until_submitted()
            submitting.join()
            self._wait_for_the_rest()
            self._judge(onlooker)
        return self._verdict

    def _submit_all(self) -> None:
        """Submit as a patient client: the same key until it is answered."""
        while len(self._accepted) < self._wanted:
            key, steps = uuid4().hex, self._dice.randint(*STEPS)
            order = {**ORDER, "prompt": f"soak {len(self._accepted)}", "steps": steps}
            while not self._submit(order, key):
                time.sleep(0.2)
            while len(self._accepted) >= self._jobs_a_fault * (self._verdict.faults.total() + 1):
                time.sleep(0.05)
        self._submitted.set()

    def _submit(self, order: dict[str, object], key: str) -> bool:
        url = self._stack.url("/image/generate")
        try:
            answer = requests.post(url, json=order, headers={"Idempotency-Key": key}, timeout=10)
        except requests.RequestException:
            return False
        if answer.status_code not in (200, 202):
            return False
        self._accepted.append(answer.json()["job_id"])
        return True

    def _strike_until_submitted(self) -> None:
        strikes: list[Strike] = []
        while not self._submitted.wait(self._dice.uniform(*PAUSE_S)):
            strikes = strikes or shuffled(self._dice)
            strike = strikes.pop()
            struck = self._next_drawn()
            strike(self._stack, self._dice)
            self._verdict.faults[strike.__name__] += 1
            self._recoveries.append(self._stack.elsewhere(partial(self._see_recovery, strike.__name__, struck)))

    def _see_recovery(self, fault: str, struck: list[str]) -> tuple[float, str]:
        """Return how long it takes from the end of a fault until the jobs it caught have ended."""
        began = time.monotonic()
        wait_for(lambda: self._have_ended(struck), timeout_s=DRAIN_S, what=f"{fault} to be over")
        took_s = time.monotonic() - began
        self._tell(f"{datetime.now(UTC):%H:%M:%S} {len(self._accepted):4} jobs  {took_s:5.1f} s  {fault}")
        return took_s, fault

    def _next_drawn(self) -> list[str]:
        """Return what is drawn now, waiting for something for a while: a fault shall hit."""
        give_up_at = time.monotonic() + 5
        while not (found := self._drawn()) and time.monotonic() < give_up_at:
            time.sleep(0.005)
        return found

    def _drawn(self) -> list[str]:
        try:
            return [job.job_id for job in self._stack.store.processing()]
        except StoreUnavailable:
            return []

    def _have_ended(self, job_ids: list[str]) -> bool:
        """Whether these have ended; not known while the database is away."""
        try:
            return all(job.terminal for job in self._stack.store.jobs_by_id(job_ids))
        except StoreUnavailable:
            return False

    def _wait_for_the_rest(self) -> None:
        give_up_at = time.monotonic() + DRAIN_S
        while self._stack.store.counts() != (0, 0) and time.monotonic() < give_up_at:
            time.sleep(0.1)

    def _judge(self, onlooker: Onlooker) -> None:
        verdict, store = self._verdict, self._stack.store
        verdict.slowest = max((one.result() for one in self._recoveries), default=(0.0, ""))
        jobs = {job.job_id: job for job in store.jobs_by_id(self._accepted)}
        ended = {job_id: job for job_id, job in jobs.items() if job.terminal}
        verdict.lost = sorted(set(self._accepted) - set(ended))
        verdict.failed = Counter(str(job.error_code) for job in ended.values() if job.status is not Status.COMPLETE)
        pictures = Counter(job.image_name for job in ended.values() if job.image_name)
        shared = [str(name) for name, count in pictures.items() if count > 1]
        missing = [str(name) for name in pictures if not (self._stack.folder / "images" / str(name)).is_file()]
        verdict.lost += missing
        verdict.doubled = onlooker.doubled + shared
        verdict.regressions = onlooker.regressions
        verdict.overlaps = sum(overlaps(path, since) for path, since in self._witnesses.items())

    def _tell(self, line: str) -> None:
        if self._say:
            print(line, flush=True)


def overlaps(witness: Path, since: int) -> int:
    """Count the generations of ours that arrived in a Forge while another of ours was inside, from a byte on."""
    inside: set[str] = set()
    met = 0
    for line in witness.read_bytes()[since:].splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # the line at which a Forge was killed
            continue
        if entry["n"] == 1:  # a new process has nothing inside
            inside.clear()
        task = entry.get("task")
        if task and entry["event"] == "arrive":
            met += bool(inside)
            inside.add(task)
        elif task and entry["event"] == "end":
            inside.discard(task)
    return met


def main() -> int:
    """Soak a stack of its own; returns 0 when every promise was kept."""
    options = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    options.add_argument("--jobs", type=int, default=500)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--keep", type=Path, help="leave every log in this folder")
    chosen = options.parse_args()
    print(f"soak: {chosen.jobs} jobs, --seed {chosen.seed}", flush=True)
    with (
        _folder(chosen.keep) as folder,
        running(folder, **SETTINGS) as stack,
        stack.guest("gpu2", forge=1),
    ):
        verdict = Soak(stack, jobs=chosen.jobs, jobs_a_fault=10, dice=random.Random(chosen.seed), say=True).run()
    print(verdict)
    return 0 if verdict.clean else 1


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="fl-soak-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
