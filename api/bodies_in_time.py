"""A request's body comes whole and in time, or the request is refused: no route waits for a slow sender.

gunicorn bounds the time for headers, not for bodies. A body that is declared too big is left to the door, unread.
"""

import io
from collections.abc import Callable, Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import gevent
from gevent import socket

from api.door import MAX_BODY_BYTES
from api.give_way import give_way
from api.unreadable import answer_to_part

BODY_WITHIN_S = 10.0
#: after so many bytes others have a turn: each may be a chunk of its own, which all takes time
AT_ONCE = 1024

Environ = dict[str, Any]
Application = Callable[..., Iterable[bytes]]


class BodiesInTime:
    """Reads each body before the application runs."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request; 408 when its body did not come within BODY_WITHIN_S, 400 when it ended before its end."""
        size = _to_read(environ)
        if size:
            body = _read(environ, size)
            if body is None or len(body) < _declared(environ):
                status = HTTPStatus.REQUEST_TIMEOUT if body is None else HTTPStatus.BAD_REQUEST
                headers, told = answer_to_part(status, environ.get("REMOTE_ADDR", ""))
                start_response(f"{status.value} {status.phrase}", list(headers.items()))
                _stop_reading(environ)
                return [told]
            _put(environ, body)
        return self._application(environ, start_response)


def _put(environ: Environ, body: bytes) -> None:
    """Let the body be of known size, also one that came in chunks: the door refuses what is too big by its size."""
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)


def _to_read(environ: Environ) -> int:
    if "HTTP_TRANSFER_ENCODING" in environ:
        return MAX_BODY_BYTES + 1
    size = _declared(environ)
    return size if size <= MAX_BODY_BYTES else 0


def _declared(environ: Environ) -> int:
    text = environ.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0


def _read(environ: Environ, size: int) -> bytes | None:
    pieces: list[bytes] = []
    with gevent.Timeout(BODY_WITHIN_S, False):
        while size and (piece := environ["wsgi.input"].read(min(size, AT_ONCE))):
            pieces.append(piece)
            size -= len(piece)
            if size:
                give_way()
        return b"".join(pieces)
    return None


def _stop_reading(environ: Environ) -> None:
    """Let gunicorn find the end of the connection instead of waiting for the rest of the body."""
    client = environ.get("gunicorn.socket")
    if client is not None:
        with suppress(OSError):
            client.shutdown(socket.SHUT_RD)
