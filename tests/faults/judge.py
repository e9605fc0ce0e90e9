"""What came of it: the database's word and Forge's own, and how long a recovery took."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.domain.jobs import Job, Status
from shared.store import Store
from tests.demo_process import DemoForge
from tests.waiting import wait_for


class Judge:
    """Looks at the jobs' rows, the pictures' folder and the Forges' witness logs."""

    store: Store
    folder: Path
    forges: list[DemoForge]
    measured: list[tuple[str, float]]

    def job(self, job_id: str) -> Job:
        """Return the job's row."""
        found = self.store.job(job_id)
        assert found is not None
        return found

    def wait_job(self, job_id: str, holds: Callable[[Job], bool], *, timeout_s: float = 20.0) -> Job:
        """Wait until the job's row is as wanted; return it."""

        def found() -> Job | None:
            job = self.job(job_id)
            return job if holds(job) else None

        job = wait_for(found, timeout_s=timeout_s, what=f"job {job_id}: {self.job(job_id)}")
        assert job is not None
        return job

    def wait_all(self, job_ids: Iterable[str], status: Status = Status.COMPLETE, *, timeout_s: float = 30.0) -> None:
        """Wait until all have ended, each as wanted."""
        ids = list(job_ids)

        def ended() -> bool:
            return all(job.terminal for job in self.store.jobs_by_id(ids))

        wait_for(ended, timeout_s=timeout_s, what=f"{len(ids)} jobs to end")
        ends = {job.job_id: (job.status, job.error_code) for job in self.store.jobs_by_id(ids)}
        assert set(ends) == set(ids)
        assert all(end[0] is status for end in ends.values()), ends

    def running(self, job_id: str) -> None:
        """Wait until some Forge draws this job."""

        def drawn() -> bool:
            return any(job_of(entry) == job_id for entry in self.seen("start"))

        wait_for(drawn, what=f"{job_id} to be drawn")

    def seen(self, event: str) -> list[dict[str, Any]]:
        """Return what the Forges saw of one event, in order of time."""
        entries = [entry for forge in self.forges for entry in forge.log()["entries"] if entry["event"] == event]
        return sorted(entries, key=lambda entry: str(entry["at"]))

    def order_drawn(self) -> list[str]:
        """Return the job ids in the order in which their generations arrived, each once, at its last arrival."""
        return list(dict.fromkeys(job_of(entry) for entry in reversed(self.seen("arrive"))))[::-1]

    @contextmanager
    def stopwatch(self, fault: str, *, within_s: float) -> Iterator[None]:
        """Measure how long the block takes, for the table at the end; it must be within the bound."""
        began = time.monotonic()
        yield
        took_s = time.monotonic() - began
        self.measured.append((fault, took_s))
        assert took_s <= within_s, f"{fault}: {took_s:.1f} s instead of {within_s:g}"

    def assert_clean(self, job_ids: Iterable[str]) -> None:
        """Every job has one picture, there is no other, and no two generations of ours met in one Forge."""
        jobs = [job for job in self.store.jobs_by_id(list(job_ids)) if job.status is Status.COMPLETE]
        for job in jobs:
            assert job.image_name and (self.folder / "images" / job.image_name).is_file()
        assert len({job.image_name for job in jobs}) == len(jobs)
        assert all(forge.log()["overlap"] == 0 for forge in self.forges)


def job_of(entry: dict[str, Any]) -> str:
    """Return the job of a witness entry: its task is job-attempt-try."""
    return str(entry["task"] or "").rsplit("-", 2)[0]
