"""A demo renderer for all tests of this folder, clean for each that asks; workers of both kinds; who listens to us."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beat.duties import Duties, compose
from beat.webhooks import Courier
from shared.settings import Settings
from shared.store import Store
from tests import services
from tests.demo_process import DemoForge
from tests.forge_caller import Caller
from tests.integration.couriers import SOON_S, courier_of
from tests.integration.one_worker import Worker
from tests.receiver import Receiver, receiving
from tests.relay_client import Backstage
from tests.relay_server import RelayServer, relay_server
from tests.waiting import wait_for
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
    wait_for(lambda: not heartbeats(), what="the last heartbeats, which would take Forge in the next test's database")
    for worker in made:
        worker.bench.store.close()
    stopping.begin_anew()


def heartbeats() -> list[threading.Thread]:
    """Return the timers of leases; one that was stopped may still be renewing."""
    return [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


@pytest.fixture
def worker(make_worker: Callable[..., Worker]) -> Worker:
    """A worker with the usual settings."""
    return make_worker()


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[RelayServer, str]]:
    """A relay server for three sockets a user, and the address of its Redis."""
    with services.redis_server() as redis, relay_server(redis.url, SOCKETS_PER_USER="3") as server:
        yield server, redis.url


@pytest.fixture
def server(served: tuple[RelayServer, str]) -> Iterator[RelayServer]:
    """The relay server, without a socket when the test ends."""
    yield served[0]
    served[0].hang_up()


@pytest.fixture
def backstage(served: tuple[RelayServer, str]) -> Iterator[Backstage]:
    """What happens behind it, on an empty Redis."""
    backstage = Backstage(served[1])
    backstage.redis.flushall()
    yield backstage
    backstage.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Someone to call back."""
    with receiving() as server:
        yield server


@pytest.fixture
def courier(store: Store) -> Iterator[Courier]:
    """Who delivers, with nothing under way when the test ends."""
    yield (made := courier_of(store))
    made.finish(SOON_S)
