"""Redis behind TLS and behind a Sentinel: our own clients and Celery's find it by one address."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.exceptions import RedisError

from cli.embedded_redis import EmbeddedRedis, find_redis_server
from cli.ports import free_port
from shared.queues import GPU_QUEUE
from shared.redis_link import connect
from shared.wakeups import Bell
from tests.certificates import certificate_for
from tests.tls_proxy import tls_before
from tests.waiting import wait_for

SENTINEL = """\
port {port}
bind 127.0.0.1
dir "{folder}"
sentinel monitor pictures 127.0.0.1 {master} 1
sentinel auth-pass pictures {password}
"""


@pytest.fixture
def password(redis_server: EmbeddedRedis) -> str:
    return urlsplit(redis_server.url).password or ""


@pytest.fixture
def behind_tls(redis_server: EmbeddedRedis, password: str, tmp_path: Path) -> Iterator[str]:
    """The address of the Redis through a TLS door whose certificate only its own file vouches for."""
    certificate, key = certificate_for("localhost", tmp_path)
    with tls_before(redis_server.port, certificate, key) as port:
        yield f"rediss://:{password}@localhost:{port}/0?ssl_cert_reqs=required&ssl_ca_certs={certificate}"


@pytest.fixture
def behind_sentinel(redis_server: EmbeddedRedis, password: str, tmp_path: Path) -> Iterator[str]:
    """The address of the Redis by a Sentinel that watches it."""
    port, config = free_port(), tmp_path / "sentinel.conf"
    config.write_text(SENTINEL.format(port=port, folder=tmp_path, master=redis_server.port, password=password))
    command = [find_redis_server(), str(config), "--sentinel"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as sentinel:
        try:
            yield f"sentinel://:{password}@127.0.0.1:{port}/pictures/0"
        finally:
            sentinel.terminate()


@pytest.mark.parametrize("way", ["behind_tls", "behind_sentinel"])
def test_our_clients_and_celery_find_it(way: str, request: pytest.FixtureRequest, redis_url: str) -> None:
    url = request.getfixturevalue(way)
    client = connect(url)
    wait_for(lambda: _answers(url), what=way)
    client.set("seen", "from elsewhere")
    assert connect(redis_url).get("seen") == "from elsewhere"
    assert Bell(url).ring("a job")
    assert connect(redis_url).llen(GPU_QUEUE) == 1


def test_a_certificate_nobody_vouches_for_is_refused(behind_tls: str) -> None:
    url = behind_tls.partition("?")[0]
    with pytest.raises(RedisError):
        connect(url).ping()
    assert not Bell(url).ring("a job")


def _answers(url: str) -> bool:
    try:
        return bool(connect(url).ping())
    except RedisError:
        return False
