"""The stand-in's own account of what reached it: the independent witness of the fault tests.

Events, each with a monotonic time, the task id, the prompt and the seed:

    arrive     a generation request was read (`request`: what it named; `began`: when its first byte came)
    start   it took the lock
    end        it left the lock (`outcome`: complete, interrupted, error, aborted; `client_gone`)
    answered   its answer was sent to the last byte
    interrupt  /sdapi/v1/interrupt was called (`task`: what ran at that moment, or null)
    skip       /sdapi/v1/skip was called
    struck     a generation request met a fault before it counted as arrived (`kind`)

Two requests overlap when the second arrives before the first ended; a request whose client has left
counts as long as it is computed, because that is what the GPU sees. Only requests that carry a
`force_task_id` count as ours.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class Witness:
    """An append-only log in memory and, when asked, in a file that survives the process."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._changed = threading.Condition()
        self._entries: list[Entry] = []
        self._inside: dict[int, str | None] = {}
        self._overlaps: list[list[str | None]] = []
        self._calls: Counter[str] = Counter()

    def note(self, event: str, **details: Any) -> None:
        """Write one event down, with both clocks."""
        with self._changed:
            self._append(event, details)

    def called(self, call: str) -> None:
        """Count a call of any route, "GET /path"; the log itself would drown in them."""
        with self._changed:
            self._calls[call] += 1

    def arrived(self, request_id: int, task: str | None, **details: Any) -> None:
        """A generation request came in; remember with whom it overlaps."""
        with self._changed:
            if task is not None:
                self._overlaps += [[other, task] for other in self._inside.values() if other is not None]
            self._inside[request_id] = task
            self._append("arrive", {"task": task, "inside": len(self._inside), **details})

    def ended(self, request_id: int, task: str | None, **details: Any) -> None:
        """A generation is over, whatever became of it; told twice, the first time counts."""
        with self._changed:
            if request_id in self._inside:
                del self._inside[request_id]
                self._append("end", {"task": task, **details})

    def report(self) -> dict[str, Any]:
        """Return {entries, counts, calls, overlap, overlaps, inside}."""
        with self._changed:
            return {
                "entries": list(self._entries),
                "counts": Counter(entry["event"] for entry in self._entries),
                "calls": self._calls,
                "overlap": len(self._overlaps),
                "overlaps": list(self._overlaps),
                "inside": len(self._inside),
            }

    def wait(self, wanted: dict[str, str], count: int, timeout_s: float) -> list[Entry]:
        """Return the entries that match, as soon as there are `count` of them or the time is over."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            entries, read, found = self._entries, 0, list[Entry]()
            while True:
                if entries is not self._entries:
                    entries, read, found = self._entries, 0, []
                # Each is looked at once: who waits for the thousandth answer must not slow the generations down.
                found += [entry for entry in entries[read:] if _matches(entry, wanted)]
                read, left = len(entries), deadline - time.monotonic()
                if len(found) >= count or left <= 0:
                    return found
                self._changed.wait(left)

    def clear(self) -> None:
        """Forget what was seen; requests still inside stay inside."""
        with self._changed:
            self._entries = []
            self._overlaps.clear()
            self._calls.clear()

    def _append(self, event: str, details: dict[str, Any]) -> None:
        moment = {"n": len(self._entries) + 1, "t": time.monotonic(), "at": datetime.now(UTC).isoformat()}
        entry = {**moment, "event": event, **details}
        self._entries.append(entry)
        self._changed.notify_all()
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _matches(entry: Entry, wanted: dict[str, str]) -> bool:
    return all(str(entry.get(key)) == value for key, value in wanted.items())
