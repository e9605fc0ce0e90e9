"""The real stack in parts, each a process of its own that a fault may strike.

PostgreSQL and Redis are real, Forge is the demo renderer with its witness log, the API, the
GPU workers, the maintenance worker and beat are started by the operator's commands. The
settings are short, so that every bound scales with `LEASE_S`.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import requests

from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis
from cli.ports import free_port
from shared import redis_link
from shared.store import Store
from shared.store.schema import migrate
from shared.wakeups import Bell
from tests import services
from tests.demo_process import DemoForge
from tests.faults.client import Client
from tests.faults.judge import Judge
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

Found = TypeVar("Found")


class Stack(Client, Judge):
    """The parts; as a client it submits, as a judge it watches."""

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
        """Stop a part and start it with other settings; `settle` gives it its own again."""
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
        """Bring everything back to health: parts run, circuits are closed, nothing waits, logs are empty."""
        for server in (self.postgres, self.redis):
            if not server.answers():
                server.kill()
                server.start()
        for part in self.parts.values():
            part.thaw()
            part.mend()
        for forge in self.forges:
            forge.reset()
        self.start()
        self.cancel_all()
        self.wait_all([self.submit("probe")], timeout_s=40)
        for forge in self.forges:
            forge.order("DELETE", "log")
        for part in self.parts.values():
            part.forget_words()

    def cancel_all(self) -> None:
        """Cancel whatever an earlier test left."""
        self.post("/queue/resume")
        self.http.delete(self.url("/image/jobs?status=queued"), timeout=10)
        for job in self.store.processing():
            self.cancel(job.job_id)
        wait_for(lambda: self.store.counts() == (0, 0), timeout_s=40, what="an empty line")

    def elsewhere(self, work: Callable[[], Found]) -> Future[Found]:
        """Do something in a thread of its own."""
        return self._pool.submit(work)

    def _api_serves(self) -> bool:
        try:
            return self.http.get(self.url("/readyz"), timeout=2).status_code == 200
        except requests.RequestException:
            return False


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
        witnesses = [str(folder / f"witness{number}.jsonl") for number in (1, 2)]
        demos = [opened.enter_context(DemoForge("--log-file", path, port=free_port())) for path in witnesses]
        stack = Stack(folder, postgres=postgres, redis=redis, forges=demos, settings=settings)
        opened.callback(stack.stop)
        stack.start()
        yield stack
