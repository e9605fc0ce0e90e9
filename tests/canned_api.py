"""An API in a can for the client commands: it answers what the test put in, and keeps what it was asked."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JOB: dict[str, Any] = {
    "job_id": "7d9f",
    "status": "processing",
    "stage": "sampling",
    "progress": 10,
    "queue_position": 0,
    "queue_total": 0,
    "eta_seconds": None,
    "cancel_requested": False,
    "image_url": None,
    "image_expired": False,
    "error": None,
    "retryable": False,
    "prompt": "fener \N{FIRE} ışığı",
}
COMPLETE = {**JOB, "status": "complete", "stage": None, "progress": 100, "image_url": "/images/a_fox.png"}
#: In the place of an answer: the connection closes without a word.
LOST = object()


class CannedApi(ThreadingHTTPServer):
    """Gives `answers`, one a request, then `job` for ever: a document (a problem's has a status), a status, or LOST."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[Any] = []
        self.job: dict[str, Any] = COMPLETE
        self.line: dict[str, Any] = {"waiting": 1, "processing": 0, "held": False, "paused": False, "retry_at": None}
        self.asked: list[str] = []
        self.keys: list[str | None] = []

    def answer_to(self, path: str) -> Any:
        """Return what is next, or else what belongs to the path."""
        if self.answers:
            return self.answers.pop(0)
        return {"queue": self.line, "workers": [], "jobs": [JOB]} if path == "/image/status" else self.job

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: CannedApi

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.keys.append(self.headers.get("Idempotency-Key"))
        answer = self.server.answer_to(self.path)
        if answer is LOST:
            self.close_connection = True
            return
        status, document = (answer, {}) if isinstance(answer, int) else (_status_of(answer), answer)
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _status_of(document: dict[str, Any]) -> int:
    """Return the HTTP status of a problem document, 200 of any other (a job's status is a word)."""
    status = document.get("status")
    return status if isinstance(status, int) else 200


@contextmanager
def canned_api(tls: ssl.SSLContext | None = None) -> Iterator[CannedApi]:
    """Run one inside the `with` block, behind `tls` if it is given."""
    server = CannedApi()
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
