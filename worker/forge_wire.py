"""One request to Forge on one connection, in the manner that Forge needs (forge_contract.md 10.8, 10.9, 10.24).

A fresh connection for each, which may be opened ahead of time, and never an automatic second sending; no compression,
no proxy, no redirect; bounded answers; TCP keepalive, for a generation is silent for minutes. By urllib3's own
connection, for what `requests` puts around it costs the GPU five milliseconds between two generations.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from types import TracebackType
from typing import Any, Self

import certifi
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError
from urllib3.util import Url, parse_url

from shared.domain.failures import FailureKind
from worker.forge_failure import ForgeFailure, classify
from worker.forge_reply import Reply

MAX_BODY = 64 * 2**20
CHUNK = 4 * 2**20
DEMO_HEADER = "X-Forgeline-Demo"

_OPTIONS: list[tuple[int, int, int | bytes]] = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
]
for _name, _value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
    if hasattr(socket, _name):
        _OPTIONS.append((socket.IPPROTO_TCP, getattr(socket, _name), _value))


class Exchange:
    """One request and its answer; every method raises ForgeFailure. A `with` block closes it."""

    def __init__(self, url: str, headers: Mapping[str, str], *, connect_s: float, read_s: float) -> None:
        place = parse_url(url)
        self._prefix = (place.path or "").rstrip("/")
        self._headers = {"Accept-Encoding": "identity", "Accept": "application/json", **headers}
        self._read_s = read_s
        self._sent = False
        self._connection = _connection(place, connect_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def connect(self) -> None:
        """Open the connection."""
        with self._faults():
            self._connection.connect()
        self._connection.timeout = self._read_s

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> HTTPResponse:
        """Send the request; return when the headers of its answer are there. A POST for a picture counts as sent."""
        self._sent = path.endswith("/txt2img")
        content = None if body is None else json.dumps(body).encode()
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        with self._faults():
            self._connection.request(method, self._prefix + path, content, headers, preload_content=False)
            return self._connection.getresponse()

    def receive(self, response: HTTPResponse) -> Reply:
        """Return the answer, which must be a 200."""
        with self._faults():
            content = self._bounded(response)
        if response.status != 200:
            raise classify(response.status, content, sent=self._sent)
        return Reply(content, DEMO_HEADER in response.headers)

    def _bounded(self, response: HTTPResponse) -> bytes:
        chunks, size = [], 0
        while chunk := response.read(CHUNK):
            size += len(chunk)
            if size > MAX_BODY:
                raise ForgeFailure(FailureKind.BAD_IMAGE, "an answer of more than 64 MB", sent=True)
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (HTTPError, HTTPException, OSError) as error:
            raise _failure(error, sent=self._sent) from error


def _connection(place: Url, connect_s: float) -> HTTPConnection:
    host = (place.host or "").strip("[]")
    if place.scheme == "https":
        return HTTPSConnection(host, place.port, timeout=connect_s, socket_options=_OPTIONS, ca_certs=certifi.where())
    return HTTPConnection(host, place.port, timeout=connect_s, socket_options=_OPTIONS)


def _failure(error: Exception, *, sent: bool) -> ForgeFailure:
    if isinstance(error, NewConnectionError | ConnectTimeoutError):
        refused = isinstance(error.__cause__, ConnectionRefusedError)
        return ForgeFailure(FailureKind.UNREACHABLE, f"not connected: {error}", gone=refused)
    silent = sent and isinstance(error, TimeoutError | ReadTimeoutError)
    kind = FailureKind.TIMEOUT if silent else FailureKind.UNREACHABLE
    return ForgeFailure(kind, f"{type(error).__name__}: {error}", sent=sent)
