"""Fixtures for every suite: real servers on ports of their own, empty at the start of each test."""

import signal
from collections.abc import Iterator

import pytest
import redis
from hypothesis import HealthCheck, settings

from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis
from shared.store import Store
from shared.store.schema import migrate
from tests import services

#: how long a test's data takes to make says something about the machine only
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

#: the files that take longest begin, so that none of them runs on alone when several processes share the tests
LONGEST = (
    "test_fresh_clone.py",
    "test_soak.py",
    "test_access.py",
    "test_real_stack.py",
    "test_relay_drain.py",
    "test_up.py",
    "test_relay_redis.py",
    "test_schemathesis.py",
    "test_compose.py",
    "test_three_users.py",
    "test_attempt.py",
    "test_relay_churn.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files; within each, and among those not named, the order stays."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


def pytest_configure(config: pytest.Config) -> None:
    """SIGTERM ends a run as Ctrl-C does, its servers too; what runs beside another suite hears no Ctrl-C."""
    if not hasattr(config, "workerinput"):
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A migrated PostgreSQL for the whole run."""
    with services.postgres() as server:
        migrate(server.url)
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """A Redis for the whole run."""
    with services.redis_server() as server:
        yield server


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> str:
    """The address of an empty database."""
    services.empty_database(postgres.url)
    return postgres.url


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """The address of an empty Redis."""
    redis.Redis.from_url(redis_server.url).flushall()
    return redis_server.url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store over an empty database."""
    store = Store(database_url)
    yield store
    store.close()
