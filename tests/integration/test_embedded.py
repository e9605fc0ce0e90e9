"""The embedded servers: they start anywhere, keep their data through a crash, and let nobody else in."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import psutil
import psycopg2
import pytest
import redis

from cli import embedded_redis
from cli.embedded import EmbeddedServer, EmbeddedServerError
from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis, find_redis_server
from cli.ports import free_port

Server = TypeVar("Server", bound=EmbeddedServer)


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed folder with a space in its name, and a path too long for a socket."""
    top = tmp_path_factory.mktemp("closed folder")
    folder = top / (80 * "x") / (80 * "y")
    folder.mkdir(parents=True)
    for part in (top, folder.parent, folder):
        part.chmod(0o700)
    return folder


@pytest.fixture(scope="module")
def postgres(deep: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL in the deep folder."""
    yield from _running(EmbeddedPostgres(deep / "postgres", free_port()))


@pytest.fixture(scope="module")
def redis_here(deep: Path) -> Iterator[EmbeddedRedis]:
    """A Redis in the deep folder."""
    yield from _running(EmbeddedRedis(deep / "redis", free_port()))


def _running(server: Server) -> Iterator[Server]:
    server.start()
    yield server
    server.stop()


def run(postgres: EmbeddedPostgres, statement: str) -> object:
    """Run one statement; gives the first value of its answer."""
    with closing(psycopg2.connect(postgres.url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_postgres_keeps_what_was_committed_through_a_crash(postgres: EmbeddedPostgres) -> None:
    run(postgres, "CREATE TABLE kept AS SELECT 7 AS number")
    url = postgres.url
    postgres.kill()
    postgres.start()
    assert (postgres.url, run(postgres, "SELECT number FROM kept")) == (url, 7)


def test_a_backend_that_missed_the_death_of_postgres_does_not_bar_the_next_start(postgres: EmbeddedPostgres) -> None:
    with closing(psycopg2.connect(postgres.url)) as connection:
        frozen = psutil.Process(connection.info.backend_pid)
        frozen.suspend()
        postgres.kill()
        postgres.start()
    assert run(postgres, "SELECT 1") == 1


def test_postgres_asks_for_its_password(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(host="127.0.0.1", port=postgres.port, user="forgeline", dbname="forgeline", password="guess")


def test_postgres_listens_on_loopback_alone_and_leaves_no_socket_file(postgres: EmbeddedPostgres) -> None:
    places = {at.laddr.ip for at in psutil.Process(postgres.pid).net_connections() if at.status == psutil.CONN_LISTEN}
    assert places == {"127.0.0.1"}
    assert not [path for path in postgres.folder.rglob("*") if stat.S_ISSOCK(path.stat().st_mode)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as someone else")
def test_root_opens_the_folders_above_postgres_as_far_as_passing_needs(postgres: EmbeddedPostgres, deep: Path) -> None:
    assert psutil.Process(postgres.pid).uids().real == postgres.folder.stat().st_uid != 0
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (deep, deep.parent)] == [0o701, 0o701]
    assert stat.S_IMODE(postgres.folder.stat().st_mode) == 0o700


def test_redis_keeps_what_was_written_through_a_crash(redis_here: EmbeddedRedis) -> None:
    redis.Redis.from_url(redis_here.url).set("kept", 7)
    redis_here.kill()
    redis_here.start()
    assert redis.Redis.from_url(redis_here.url).get("kept") == b"7"


def test_redis_asks_for_its_password_and_never_forgets_to_make_room(redis_here: EmbeddedRedis) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=redis_here.port).ping()
    asked = redis.Redis.from_url(redis_here.url, decode_responses=True)
    assert asked.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert asked.config_get("append*") | {"appendonly": "yes", "appendfsync": "everysec"} == asked.config_get("append*")


def test_redis_cli_takes_its_address(redis_here: EmbeddedRedis) -> None:
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    program = shutil.which("redis-cli", path=places)
    if program is None:
        pytest.skip("no redis-cli here")
    command = [program, "-u", redis_here.url, "ping"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert asked.stdout == "PONG\n", asked.stderr


def test_a_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.embedded.START_TIMEOUT_S", 0.5)
    with pytest.raises(EmbeddedServerError, match="did not start"):
        EmbeddedRedis(tmp_path / "redis", 1_000_000).start()


def test_without_any_redis_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(embedded_redis, "IN_WHEEL", "no_such_wheel")
    with pytest.raises(EmbeddedServerError, match="redis-server"):
        find_redis_server()


def test_a_clean_stop_is_quick(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", free_port())
    server.start()
    with closing(psycopg2.connect(server.url)):
        assert server.stop_signal == signal.SIGINT
        server.stop()
    assert server.pid is None
