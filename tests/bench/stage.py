"""The stack under measurement: everything `up` starts, on the stand-in, with the store and Redis at hand."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from sqlalchemy import text

from shared import redis_link
from shared.line_index import LineIndex
from shared.redis_keys import LINE
from shared.store import Store
from tests.bench.caller import Caller
from tests.crowd import fill_line, index_line
from tests.demo_process import DemoForge
from tests.stack import Stack, running_stack
from tests.waiting import wait_for

SETTINGS = {"MAX_QUEUE": "10000000", "RATE_LIMIT": "1000000/second", "LOG_LEVEL": "warning"}


class Stage:
    """One stack, its stand-in, and what only a measurement may do with them."""

    def __init__(self, stack: Stack, forge: DemoForge) -> None:
        self.stack, self.forge, self.url = stack, forge, stack.url
        addresses = stack.addresses()
        self.store = Store(addresses["DATABASE_URL"])
        self._redis: Redis = redis_link.connect(addresses["REDIS_URL"])
        self.index = LineIndex(self._redis)
        self._caller = Caller(stack.url)

    def submit(self, **wanted: Any) -> str:
        """Submit a prompt; return the job's id."""
        return str(self._caller.json("POST", "/image/generate", {"prompt": "a lighthouse", **wanted})["job_id"])

    def get(self, path: str) -> Any:
        """GET a path; return the JSON."""
        return self._caller.json("GET", path)

    def delete(self, path: str) -> int:
        """DELETE a path; return the status code."""
        return self._caller.call("DELETE", path)[0]

    def pause(self) -> None:
        """Start no new job, and wait until none runs."""
        self._caller.json("POST", "/queue/pause")
        wait_for(lambda: not self.store.processing_count(), timeout_s=60, what="an idle worker")

    def resume(self) -> None:
        """Let jobs begin."""
        self._caller.json("POST", "/queue/resume")

    def wait_answered(self, count: int, *, timeout_s: float = 300) -> None:
        """Wait until the stand-in has answered so many generations."""
        ask = f"log?event=answered&count={count}&wait=20"
        wait_for(lambda: len(self.forge.order("GET", ask)) >= count, timeout_s=timeout_s, what=f"{count} answers")

    def deepen(self, depth: int) -> None:
        """Let so many owners wait in all."""
        missing = depth - self.store.counts()[0]
        if missing > 0:
            fill_line(self.store, missing)
        index_line(self.store, self.index)

    def empty(self) -> None:
        """Forget every job; the line is paused."""
        self.pause()
        with self.store.engine.begin() as connection:
            connection.execute(text("TRUNCATE conversations, messages, jobs RESTART IDENTITY CASCADE"))
        self._redis.delete(LINE)
        index_line(self.store, self.index)
        self.forge.order("DELETE", "log")

    def close(self) -> None:
        """Give the connections back."""
        self._caller.close()
        self._redis.close()
        self.store.close()


@contextmanager
def stage() -> Iterator[Stage]:
    """Run a stack inside the `with` block."""
    with tempfile.TemporaryDirectory(prefix="fl-bench-") as folder, DemoForge() as forge:
        Path(folder).chmod(0o711)
        with running_stack(Path(folder), FORGE_URL=forge.url, **SETTINGS) as stack:
            made = Stage(stack, forge)
            try:
                yield made
            finally:
                made.close()
