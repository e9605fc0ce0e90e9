"""The API as it is served: `python -m api.serve` in a process of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from cli.ports import free_port
from tests.tokens import SECRET
from tests.waiting import wait_for

GENEROUS = {"RATE_LIMIT": "1000000/second", "MAX_QUEUE": "1000000", "MAX_JOBS_PER_USER": "1000000"}


class ApiServer:
    """One running API."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, settings: dict[str, str]) -> None:
        self.process = process
        self.settings = settings
        self.port = port
        self.host = f"127.0.0.1:{port}"

    def url(self, path: str) -> str:
        """An address of it."""
        return f"http://{self.host}{path}"


@contextmanager
def api_server(database_url: str, redis_url: str, **settings: str) -> Iterator[ApiServer]:
    """Run one in `jwt` mode, with tokens by SECRET, until the block ends."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="fl-api-") as folder:
        env = os.environ | {"AUTH_MODE": "jwt", "JWT_SECRET": SECRET, "DATA_DIR": folder, "LOG_LEVEL": "warning"}
        env |= {"PORT": str(port), "DATABASE_URL": database_url, "REDIS_URL": redis_url} | settings
        process = subprocess.Popen([sys.executable, "-m", "api.serve"], env=env)
        server = ApiServer(process, port, settings)
        try:
            wait_for(lambda: _is_ready(server), timeout_s=60, what="the API")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _is_ready(server: ApiServer) -> bool:
    if server.process.poll() is not None:
        raise AssertionError(f"the API ended with {server.process.returncode}")
    try:
        return requests.get(server.url("/readyz"), timeout=2).status_code == 200
    except requests.RequestException:  # a busy machine starts slowly
        return False
