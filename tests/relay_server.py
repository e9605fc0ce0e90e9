"""Serve the small application of `tests.relay_app` by the real server, in a process of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import websocket

from cli.ports import free_port
from tests.waiting import wait_for


def cut(ws: websocket.WebSocket) -> None:
    """Close a browser's end without a word."""
    ws.shutdown()  # type: ignore[no-untyped-call]  # websocket-client types it not


class RelayServer:
    """One running server."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self.port = port
        self._opened: list[websocket.WebSocket] = []

    def url(self, path: str) -> str:
        """An address of it."""
        return f"http://127.0.0.1:{self.port}{path}"

    def connect(self, token: str | None = None, **options: Any) -> websocket.WebSocket:
        """Open a socket, as `token` says."""
        header = options.pop("header", {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        ws = websocket.create_connection(f"ws://127.0.0.1:{self.port}/ws", header=header, timeout=15, **options)
        self._opened.append(ws)
        return ws

    def hang_up(self) -> None:
        """Close every socket opened here, and wait until the server knows."""
        while self._opened:
            cut(self._opened.pop())
        if self.process.poll() is not None:
            return
        wait_for(lambda: self.census()["sockets"] == 0, what="the sockets to go")

    def census(self, *, collect: bool = False) -> dict[str, Any]:
        """What its process holds."""
        answer: dict[str, Any] = requests.get(self.url("/census"), {"collect": collect or None}, timeout=10).json()
        return answer


@contextmanager
def relay_server(redis_url: str, **settings: str) -> Iterator[RelayServer]:
    """Run one in `jwt` mode until the block ends."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="fl-relay-") as folder:
        env = os.environ | {"AUTH_MODE": "jwt", "JWT_SECRET": "x" * 32, "DATA_DIR": folder, "LOG_LEVEL": "warning"}
        env |= {"PORT": str(port), "REDIS_URL": redis_url} | settings
        process = subprocess.Popen([sys.executable, "-m", "tests.relay_main"], env=env)
        server = RelayServer(process, port)
        try:
            wait_for(lambda: _listens(server), timeout_s=60, what="the relay server")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listens(server: RelayServer) -> bool:
    try:
        return bool(server.census()["subscribed"])
    except requests.RequestException:
        return False
