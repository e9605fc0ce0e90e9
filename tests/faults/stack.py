"""The real stack in parts, each a process of its own that a fault may strike.

PostgreSQL and Redis are real, Forge is the demo renderer with its witness log, the API, the
GPU workers, the maintenance worker and beat are started by the operator's commands. The
settings are short, so that every bound scales with `LEASE_S`.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import requests

from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis
from cli.ports import free_port
from shared import redis_link
from shared.domain.jobs import Job, Status
from shared.store import Store, migrate
from shared.wakeups import Bell
from tests import services
from tests.demo_process import DemoForge
from tests.faults.parts import Part, celery
from tests.waiting import wait_for

LEASE_S, HEARTBEAT_S, RESCUE_S = 4.0, 1.0, 1.0
RESET_S = 2.0
#: a dead worker's job runs again within this
RERUN_S = LEASE_S + RESCUE_S
#: what a busy machine may need to notice something and go on
MARGIN_S = 6.0

SHORT = {
    "LEASE_S": str(LEASE_S),
    "HEARTBEAT_S": str(HEARTBEAT_S),
    "RESCUE_EVERY_S": str(RESCUE_S),
    "CLEANUP_EVERY_S": "1",
    "BREAKER_RESET_S": str(RESET_S),
    "PROGRESS_POLL_S": "0.2",
    "FORGE_TIMEOUT_S": "30",
    "SHUTDOWN_GRACE_S": "20",
    "RATE_LIMIT": "1000000/second",
    "MAX_QUEUE": "100000",
}
#: an image takes as many steps of 5 ms, or as the test says by `pace`
ORDER = {"width": 64, "height": 64, "steps": 4}


Found = TypeVar("Found")


class Stack:
    """The parts, and a client that submits and watches."""

    def __init__(
        self,
        folder: Path,
        *,
        postgres: EmbeddedPostgres,
        redis: EmbeddedRedis,
        forges: list[DemoForge],
        settings: Mapping[str, str],
    ) -> None:
        self.folder, self.postgres, self.redis, self.forges = folder, postgres, redis, forges
        self.settings = {**SHORT, **settings}
        self.store = Store(postgres.url)
        self.http = requests.Session()
        self.bell = Bell(redis.url)
        self.redis_client = redis_link.connect(redis.url, timeout_s=5)
        self._pool = ThreadPoolExecutor(16)
        self.port = free_port()
        self.parts: dict[str, Part] = {}
        self.measured: list[tuple[str, float]] = []
        self.add("api", [str(celery("x")[0]).replace("celery", "python"), "-m", "api.serve"])
        self.add_worker("gpu1")
        self.add("maintenance", celery("beat", "worker", "-n", "maintenance@%h"))
        self.add("beat", celery("beat", "beat"))

    @property
    def forge(self) -> DemoForge:
        """The first Forge."""
        return self.forges[0]

    def add(self, name: str, command: list[str], **settings: str) -> Part:
        """Make a part, not started yet."""
        environment = {
            **self.settings,
            "PORT": str(self.port),
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "FORGE_URL": self.forge.url,
            "PYTHONUNBUFFERED": "1",
            **settings,
        }
        part = Part(name, command, environment, self.folder / f"{name}.log")
        self.parts[name] = part
        return part

    def add_worker(self, name: str, forge: int = 0, **settings: str) -> Part:
        """Make a GPU worker for one of the Forges."""
        command = celery("worker", "worker", "-n", f"{name}@%h")
        return self.add(name, command, FORGE_URL=self.forges[forge].url, **settings)

    def start(self, *names: str) -> None:
        """Start these parts (none named: all), and wait until they serve."""
        chosen = names or tuple(self.parts)
        for name in chosen:
            self.parts[name].start()
        if "api" in chosen:
            wait_for(self._api_serves, timeout_s=40, what="the API")
        for name in chosen:
            if name.startswith("gpu"):
                wait_for(lambda name=name: self.tells(name), timeout_s=40, what=name)  # type: ignore[misc]

    def tells(self, worker: str) -> bool:
        """Whether this worker's row is of its present main process or a child of it."""
        rows = {row.name.partition("@")[0]: row for row in self.store.live_workers(LEASE_S)}
        part = self.parts[worker]
        return part.runs and worker in rows and f"/{part.child().pid}/" in rows[worker].boot_id

    @contextmanager
    def guest(self, name: str, *, forge: int = 0, **settings: str) -> Iterator[Part]:
        """Run one more GPU worker inside the `with` block."""
        part = self.add_worker(name, forge, **settings)
        try:
            self.start(name)
            yield part
        finally:
            part.stop()
            del self.parts[name]

    def restart(self, name: str, **settings: str) -> Part:
        """Stop a part and start it with other settings."""
        part = self.parts[name]
        part.stop()
        part.environment.update(settings)
        self.start(name)
        return part

    def stop(self) -> None:
        """End every part."""
        with ThreadPoolExecutor(len(self.parts)) as pool:
            list(pool.map(Part.stop, self.parts.values()))
        self.store.close()
        self.http.close()

    def settle(self) -> None:
        """Bring everything back to health after a fault: parts run, circuits are closed, nothing waits."""
        for server in (self.postgres, self.redis):
            if not server.answers():
                server.kill()
                server.start()
        for forge in self.forges:
            forge.reset()
        self.start()
        self.cancel_all()
        self.wait_all([self.submit("probe")], timeout_s=40)
        for forge in self.forges:
            forge.order("DELETE", "log")

    def cancel_all(self) -> None:
        """Cancel whatever an earlier test left."""
        self.post("/queue/resume")
        self.http.delete(self.url("/image/jobs?status=queued"), timeout=10)
        for job in self.store.processing():
            self.cancel(job.job_id)
        wait_for(lambda: self.store.counts() == (0, 0), timeout_s=40, what="an empty line")

    # as a client

    def url(self, path: str) -> str:
        """An address of the API."""
        return f"http://127.0.0.1:{self.port}{path}"

    def post(self, path: str, **body: Any) -> requests.Response:
        """Send a POST."""
        return self.http.post(self.url(path), json=body or None, timeout=20)

    def submit(self, prompt: str = "a lighthouse", **fields: Any) -> str:
        """Submit a prompt; return the job's id."""
        answer = self.post("/image/generate", prompt=prompt, **{**ORDER, **fields})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def submit_many(self, count: int, **fields: Any) -> list[str]:
        """Submit so many; return their ids in order."""
        return [self.submit(f"job {number}", **fields) for number in range(count)]

    def view(self, job_id: str) -> dict[str, Any]:
        """Return the job as a client sees it."""
        found: dict[str, Any] = self.http.get(self.url(f"/image/job/{job_id}/status"), timeout=20).json()
        return found

    def status(self) -> dict[str, Any]:
        """Return GET /image/status."""
        found: dict[str, Any] = self.http.get(self.url("/image/status"), timeout=20).json()
        return found

    def cancel(self, job_id: str) -> requests.Response:
        """Cancel a job."""
        return self.http.delete(self.url(f"/image/job/{job_id}/cancel"), timeout=20)

    def elsewhere(self, work: Callable[[], Found]) -> Future[Found]:
        """Do something in a thread of its own."""
        return self._pool.submit(work)

    # as a witness

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

    def _api_serves(self) -> bool:
        try:
            return self.http.get(self.url("/readyz"), timeout=2).status_code == 200
        except requests.RequestException:
            return False


def job_of(entry: dict[str, Any]) -> str:
    """Return the job of a witness entry: its task is job-attempt-try."""
    return str(entry["task"] or "").rsplit("-", 2)[0]


def forget_data(redis: EmbeddedRedis) -> None:
    """Restart Redis without its data, as a Redis without persistence restarts."""
    redis.kill()
    for path in redis.folder.iterdir():
        if path.name.startswith(("appendonly", "dump")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    redis.start()


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Stack]:
    """Run a stack with two Forges and one worker inside the `with` block."""
    with ExitStack() as opened:
        postgres = opened.enter_context(services.postgres())
        redis = opened.enter_context(services.redis_server())
        migrate(postgres.url)
        demos = [
            opened.enter_context(DemoForge("--log-file", str(folder / f"witness{number}.jsonl"))) for number in (1, 2)
        ]
        stack = Stack(folder, postgres=postgres, redis=redis, forges=demos, settings=settings)
        opened.callback(stack.stop)
        stack.start()
        yield stack
