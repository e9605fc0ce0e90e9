"""A client that never looks away: every event of its jobs, held against what must never happen."""

import json
import threading
import time
from collections import defaultdict
from contextlib import suppress
from typing import Any

import websocket

from shared.domain.jobs import TERMINAL, Status

TERMINAL_VALUES = frozenset(status.value for status in TERMINAL)


class Onlooker:
    """Reads one socket, opened again whenever it ends, as a browser does."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        #: what each job was last, and what went wrong
        self._last: dict[str, dict[str, Any]] = {}
        self._pictures: dict[str, set[str]] = defaultdict(set)
        self.regressions: list[str] = []

    def __enter__(self) -> "Onlooker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    @property
    def doubled(self) -> list[str]:
        """The jobs that were told two pictures."""
        return [job_id for job_id, urls in self._pictures.items() if len(urls) > 1]

    def told(self, job_id: str) -> str | None:
        """Return the status of a job that was told last."""
        return self._last[job_id]["status"] if job_id in self._last else None

    def _run(self) -> None:
        while not self._over.is_set():
            with suppress(OSError, websocket.WebSocketException, ValueError):
                self._read()
            time.sleep(0.1)

    def _read(self) -> None:
        socket = websocket.create_connection(self._url, timeout=1)
        try:
            while not self._over.is_set():
                with suppress(websocket.WebSocketTimeoutException):
                    self._take(json.loads(socket.recv()))
        finally:
            socket.close()

    def _take(self, event: dict[str, Any]) -> None:
        for job in [event["job"]] if event["type"] == "image_progress" else event.get("jobs", []):
            if "status" in job:
                self._mind(job)

    def _mind(self, job: dict[str, Any]) -> None:
        """Note what a job is now; an older version is dropped, as every client does."""
        before = self._last.get(job["job_id"], job)
        if version(job) < version(before):
            return
        if before["status"] in TERMINAL_VALUES and job["status"] != before["status"]:
            self.regressions.append(f"{job['job_id']}: {before['status']} became {job['status']}")
        drawn = job["status"] == before["status"] == Status.PROCESSING.value and job["attempt"] == before["attempt"]
        if drawn and job["progress"] < before["progress"]:
            self.regressions.append(f"{job['job_id']}: progress fell")
        if job["status"] == Status.COMPLETE.value and job["image_url"]:
            self._pictures[job["job_id"]].add(job["image_url"])
        self._last[job["job_id"]] = job


def version(job: dict[str, Any]) -> tuple[int, int]:
    """Return what orders two states of a job."""
    return job["attempt"], job["version"]
