"""HTTP as a lean client speaks it: on a kept connection, by the standard library.

`requests` takes one to two milliseconds of processor time for a call, which the stack on the same two cores waits for.
"""

import json
import threading
from http.client import HTTPConnection
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

#: the server ends a connection that rested for five seconds
RESTED_S = 4.0
TIMEOUT_S = 30.0


class Caller:
    """Calls one server; each thread over a connection of its own."""

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url).netloc
        self._mine = threading.local()

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Send a request, JSON in its body if there is one; return the status and the answer's body."""
        link = self._link()
        sent = None if body is None else json.dumps(body).encode()
        link.request(method, path, sent, {} if sent is None else {"Content-Type": "application/json"})
        answer = link.getresponse()
        content = answer.read()
        self._mine.used_at = monotonic()
        return answer.status, content

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON that a good answer holds; raises RuntimeError for another."""
        status, content = self.call(method, path, body)
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {content.decode()}")
        return json.loads(content)

    def close(self) -> None:
        """Close this thread's connection."""
        if hasattr(self._mine, "link"):
            self._mine.link.close()

    def _link(self) -> HTTPConnection:
        if not hasattr(self._mine, "link"):
            self._mine.link = HTTPConnection(self._place, timeout=TIMEOUT_S)
        elif monotonic() - self._mine.used_at > RESTED_S:
            self._mine.link.close()  # the next request opens it again
        link: HTTPConnection = self._mine.link
        return link
