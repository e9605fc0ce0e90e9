"""One webhook call: signed as Standard Webhooks says, sent to checked addresses, never longer than a few seconds.

    webhook-id         the same for every try, so that a receiver can tell a repetition
    webhook-timestamp  when this try was signed (unix seconds)
    webhook-signature  v1, and base64 of HMAC-SHA256 over `id.timestamp.body`

No proxy, no redirect, no cookie, no second try here; the answer's body is not read.
"""

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection, HTTPException
from socket import SHUT_RDWR, create_connection, socket
from typing import Any
from urllib.parse import urlsplit

import certifi

from shared.domain.callbacks import signing_key
from shared.domain.jobs import iso
from shared.store import Callback

CONNECT_S = 2.0
#: so many of a name's addresses are tried
MOST_ADDRESSES = 4
ANSWER_S = 5.0
#: whatever a receiver does to keep us, from the connection to the end
WHOLE_S = 8.0


class CallFailed(Exception):
    """No good answer; the text says what came instead."""


def body_of(callback: Callback) -> bytes:
    """Return the JSON that is sent, the same at every try."""
    status = callback.payload["status"]
    event = {"type": f"job.{status}", "timestamp": iso(callback.created_at), "data": callback.payload}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def signed_headers(webhook_id: str, timestamp: int, body: bytes, secret: str) -> dict[str, str]:
    """Return the three headers of Standard Webhooks (standardwebhooks.com) for this body."""
    content = b".".join((webhook_id.encode(), str(timestamp).encode(), body))
    digest = hmac.new(signing_key(secret), content, hashlib.sha256).digest()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def call(url: str, addresses: Sequence[tuple[str, int]], body: bytes, headers: dict[str, str]) -> int:
    """Post `body` for `url` to the first that can be reached; return the status of the answer; raises CallFailed."""
    parts = urlsplit(url)
    try:
        with _connected(parts.scheme, parts.hostname or "", addresses) as wire, _at_most(WHOLE_S, wire):
            connection = HTTPConnection(parts.hostname or "", addresses[0][1])
            connection.sock = wire
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, {**headers, "Host": parts.netloc, "Connection": "close"})
            return connection.getresponse().status
    except (OSError, HTTPException, ValueError) as error:
        raise CallFailed(f"{type(error).__name__}: {error}") from error


@contextmanager
def _connected(scheme: str, host: str, addresses: Sequence[tuple[str, int]]) -> Iterator[socket]:
    with _reached(addresses[:MOST_ADDRESSES]) as plain:
        plain.settimeout(ANSWER_S)
        if scheme == "http":
            yield plain
            return
        with _tls().wrap_socket(plain, server_hostname=host) as wire:
            yield wire


def _reached(addresses: Sequence[tuple[str, int]]) -> socket:
    """Return a connection to the first that takes one: a name may lead to an address at which nobody listens."""
    first, *others = addresses
    try:
        return create_connection(first, CONNECT_S)
    except OSError:
        if not others:
            raise
        return _reached(others)


@contextmanager
def _at_most(seconds: float, wire: socket) -> Iterator[None]:
    """Cut the connection after so long: a receiver that sends byte by byte would never time out."""
    cut = threading.Timer(seconds, _cut, (wire,))
    cut.daemon = True
    cut.start()
    try:
        yield
    finally:
        cut.cancel()


def _cut(wire: Any) -> None:
    try:
        wire.shutdown(SHUT_RDWR)
    except OSError:
        return


@cache
def _tls() -> ssl.SSLContext:
    """Trust what the system trusts, and Mozilla's list where a slim system has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
