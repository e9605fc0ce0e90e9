"""Requests to Forge on a connection, in the manner that Forge needs.

Never an automatic second sending, and no picture is asked for on a connection that rested; no compression, no proxy,
no redirect; bounded answers; TCP keepalive, for a generation is silent for minutes. By the standard library's own
connection, which takes a picture in without a copy: what `requests` puts around it costs the GPU five milliseconds
between two generations.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from http.client import HTTP_PORT, HTTPS_PORT, HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urlsplit

import certifi

from shared.domain.failures import FailureKind
from shared.domain.fleet import DEMO_HEADER
from worker.forge_failure import ForgeFailure, classify
from worker.forge_reply import Reply

MAX_BODY = 64 * 2**20
#: a peer that vanished without a word is noticed after a minute
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}


class Exchange:
    """A connection for one request and its answer after the other; all raise ForgeFailure. A `with` block closes it."""

    def __init__(self, url: str, headers: Mapping[str, str], *, connect_s: float) -> None:
        place = urlsplit(url)
        self._prefix = place.path.rstrip("/")
        self._headers = {"Accept-Encoding": "identity", "Accept": "application/json", **headers}
        self._connected = self._sent = False
        self._connection = _connection(place, connect_s)
        self._response: HTTPResponse | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it, whatever part of the answer was taken in."""
        if self._response is not None:
            self._response.close()
        self._connection.close()

    def connect(self) -> None:
        """Open the connection."""
        with self._faults():
            self._connection.connect()
            _keep_alive(self._connection.sock)
        self._connected = True

    @property
    def is_open(self) -> bool:
        """Whether Forge has not said that it ends with the last answer."""
        return self._connection.sock is not None

    def send(self, method: str, path: str, body: bytes | None = None, *, answer_s: float) -> None:
        """Send a request, JSON in its body, answered within so long; one for a picture counts as sent from here on."""
        self._sent = path.endswith("/txt2img")
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        with self._faults():
            if self._connection.sock is not None:
                self._connection.sock.settimeout(answer_s)
            self._connection.request(method, self._prefix + path, body, headers)

    def headers(self) -> HTTPResponse:
        """Wait until the answer begins."""
        with self._faults():
            self._response = self._connection.getresponse()
        return self._response

    def receive(self, response: HTTPResponse) -> Reply:
        """Return the answer, which must be a 200."""
        with self._faults():
            content = _content(response)
        if response.status != 200:
            raise classify(response.status, content, sent=self._sent)
        return Reply(content, DEMO_HEADER in response.headers)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (HTTPException, OSError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> ForgeFailure:
        if not self._connected:
            gone = isinstance(error, ConnectionRefusedError)
            return ForgeFailure(FailureKind.UNREACHABLE, f"not connected: {error}", gone=gone)
        silent = self._sent and isinstance(error, TimeoutError)
        kind = FailureKind.TIMEOUT if silent else FailureKind.UNREACHABLE
        return ForgeFailure(kind, f"{type(error).__name__}: {error}", sent=self._sent)


def _connection(place: SplitResult, connect_s: float) -> HTTPConnection:
    host = place.hostname or ""  # with a port beside it, or the last part of an IPv6 address would be taken for one
    if place.scheme == "https":
        port = place.port or HTTPS_PORT
        connection: HTTPConnection = HTTPSConnection(host, port, timeout=connect_s, context=_trusted())
    else:
        connection = HTTPConnection(host, place.port or HTTP_PORT, timeout=connect_s)
    connection.auto_open = 0
    return connection


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def _keep_alive(connected: socket.socket) -> None:
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _content(response: HTTPResponse) -> bytes:
    """Take the body in; one of known length at once, which costs no copy."""
    _bound(response.length or 0)
    wanted = response.length
    content = response.read(MAX_BODY + 1 if wanted is None else wanted)
    _bound(len(content))
    if wanted is not None and len(content) < wanted:
        raise ConnectionResetError(f"the answer broke off after {len(content)} of {wanted} bytes")
    return content


def _bound(size: int) -> None:
    if size > MAX_BODY:
        raise ForgeFailure(FailureKind.BAD_IMAGE, "an answer of more than 64 MB", sent=True)
