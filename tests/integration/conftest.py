"""One demo renderer for all tests of this folder, clean for each that asks for it; workers of both kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beat.duties import Duties, compose
from shared.settings import Settings
from shared.store import Store
from tests.demo_process import DemoForge
from tests.forge_caller import Caller
from tests.integration.one_worker import Worker
from worker import stopping


@pytest.fixture(scope="session")
def demo_process() -> Iterator[DemoForge]:
    """A demo renderer for the whole run."""
    with DemoForge() as demo:
        yield demo


@pytest.fixture
def demo(demo_process: DemoForge) -> DemoForge:
    """The demo renderer, idle, without faults, its log empty."""
    demo_process.reset()
    return demo_process


@pytest.fixture
def caller(demo: DemoForge) -> Caller:
    """Someone who has images rendered by it."""
    return Caller(demo)


@pytest.fixture
def make_duties(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Callable[..., Duties]]:
    """Make the collaborators of a maintenance worker with the settings a test names."""
    made: list[Duties] = []

    def make(**settings: str) -> Duties:
        wanted = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "DATA_DIR": str(tmp_path)}
        short = {"LEASE_S": "1", "HEARTBEAT_S": "0.001"}
        made.append(compose(Settings.from_env(wanted | short | settings, while_up=False)))
        return made[-1]

    yield make
    for duties in made:
        duties.store.close()


@pytest.fixture
def duties(make_duties: Callable[..., Duties]) -> Duties:
    """A maintenance worker with the usual settings."""
    return make_duties()


@pytest.fixture
def make_worker(
    database_url: str, redis_url: str, store: Store, demo: DemoForge, tmp_path: Path
) -> Iterator[Callable[..., Worker]]:
    """Make a worker with the settings a test names."""
    made: list[Worker] = []

    def make(**settings: str) -> Worker:
        wanted = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "FORGE_URL": demo.url,
            "DATA_DIR": str(tmp_path),
            "LEASE_S": "4",
            "HEARTBEAT_S": "0.2",
            "PROGRESS_POLL_S": "0.1",
            "FORGE_RETRY_DELAYS_S": "0.1,0.1,0.1",
        }
        made.append(Worker(Settings.from_env(wanted | settings, while_up=False), store, demo))
        return made[-1]

    yield make
    for worker in made:
        worker.bench.store.close()
    stopping.begin_anew()


@pytest.fixture
def worker(make_worker: Callable[..., Worker]) -> Worker:
    """A worker with the usual settings."""
    return make_worker()
