"""The API as it is served: `python -m api.serve` in a process of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import psutil
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


def asking(api_pid: int, port: int, path: str, **headers: str) -> HTTPConnection:
    """Ask, and return the connection once a process of that API has taken it; its answer is still to be read."""
    connection = HTTPConnection("127.0.0.1", port, timeout=35)
    connection.request("GET", path, headers=headers)
    ours = connection.sock.getsockname()[1]
    wait_for(lambda: ours in _peers_of(api_pid), what="the API to take the connection")
    return connection


def _peers_of(api_pid: int) -> set[int]:
    """Return the ports at the other end of what the API's processes have accepted."""
    found = (one for child in psutil.Process(api_pid).children() for one in child.net_connections("tcp"))
    return {one.raddr.port for one in found if one.raddr}


def _is_ready(server: ApiServer) -> bool:
    if server.process.poll() is not None:
        raise AssertionError(f"the API ended with {server.process.returncode}")
    try:
        return requests.get(server.url("/readyz"), timeout=2).status_code == 200
    except requests.RequestException:  # a busy machine starts slowly
        return False
