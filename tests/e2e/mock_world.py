"""The server as the page sees it, moved by hand: a test says when a job starts, moves and ends.

Rule: it speaks the contract and nothing else (the same frames, fields and orders as the real
server), so that what a browser test proves here holds there; frames the real server would never
send are made in the test that needs them.
"""

import itertools
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.mock_facts import DEFAULTS, ERRORS, NOT_RETRYABLE, TERMINAL, Json

Send = Callable[[Json], None]


def iso(moment: datetime | None = None) -> str:
    """Return a moment (now, if none) as the contract writes it."""
    text = (moment or datetime.now(UTC)).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")


@dataclass
class World:
    """Every job, message and conversation, and the open sockets by user."""

    jobs: dict[str, Json] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    messages: list[Json] = field(default_factory=list)
    conversations: dict[str, Json] = field(default_factory=dict)
    keys: dict[tuple[str, str], str] = field(default_factory=dict)
    sockets: dict[int, tuple[str, Send]] = field(default_factory=dict)
    held: bool = False
    paused: bool = False
    retry_at: str | None = None
    eta_per_job_s: float | None = 20.0
    lock: threading.RLock = field(default_factory=threading.RLock)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # what clients ask for

    def submit(self, user: str, prompt: str, conversation_id: str | None = None, **params: Any) -> Json:
        """Accept a job; returns it as its owner sees it."""
        with self.lock:
            conversation = conversation_id or self._new_conversation(user, prompt)
            self._message(conversation, "user", prompt)
            message = self._message(conversation, "bot", "[IMAGE_PENDING]")
            return self._enter(user, message, prompt, {**DEFAULTS, **params})

    def retry(self, job_id: str) -> Json:
        """Accept a new job for the message of an ended one."""
        with self.lock:
            old = self.jobs[job_id]
            message = next(entry for entry in self.messages if entry["id"] == old["message_id"])
            return self._enter(self.owners[job_id], message, old["prompt"], old["params"], retry_of=job_id)

    def cancel(self, job_id: str) -> Json:
        """End a waiting job; ask a running one to end."""
        with self.lock:
            if self.jobs[job_id]["status"] == "queued":
                return self.end(job_id, "cancelled")
            return self.change(job_id, cancel_requested=True)

    # what workers do

    def start(self, job_id: str, stage: str = "loading") -> Json:
        """Claim a job."""
        with self.lock:
            attempt = self.jobs[job_id]["attempt"] + 1
            return self.change(job_id, status="processing", stage=stage, attempt=attempt, started_at=iso(), progress=0)

    def progress(self, job_id: str, percent: int, *, preview: bool = True) -> Json:
        """Move a running job to `percent`, starting it if it waits."""
        with self.lock:
            if self.jobs[job_id]["status"] == "queued":
                self.start(job_id)
            shown = f"/image/job/{job_id}/preview?v={percent}" if preview else None
            return self.change(job_id, stage="sampling", progress=percent, preview_url=shown)

    def saving(self, job_id: str) -> Json:
        """Say that the picture is there and is being stored."""
        return self.change(job_id, stage="saving", preview_url=None)

    def end(self, job_id: str, status: str, code: str | None = None) -> Json:
        """End a job as `complete`, `error` or `cancelled`."""
        with self.lock:
            code = "cancelled" if status == "cancelled" else code
            job = self.jobs[job_id]
            done: Json = {"status": status, "stage": None, "finished_at": iso(), "preview_url": None}
            if status == "complete":
                seed = job["params"]["seed"] if job["params"]["seed"] >= 0 else 1234
                done |= {"progress": 100, "image_url": f"/images/flux_{job_id}.png"}
                done |= {"params": {**job["params"], "seed": seed, "model": "flux1-dev"}}
            else:
                done |= {"error_code": code, "error": ERRORS[code or ""], "retryable": code not in NOT_RETRYABLE}
            return self.change(job_id, **done)

    def put_back(self, job_id: str) -> Json:
        """Give a running job back to the line."""
        return self.change(job_id, status="queued", stage="waiting", progress=0, preview_url=None)

    def hold(self, held: bool, retry_in_s: float | None = None) -> None:
        """Say that no image server can be reached, or that one can again."""
        with self.lock:
            self.held = held
            self.retry_at = iso(datetime.now(UTC) + timedelta(seconds=retry_in_s)) if retry_in_s else None
            self._line_moved(everyone=True)

    def pause(self, paused: bool) -> None:
        """Pause or resume the line."""
        with self.lock:
            self.paused = paused
            self._line_moved(everyone=True)

    def change(self, job_id: str, **fields: Any) -> Json:
        """Change persisted fields of a job and tell its owner; returns the job."""
        with self.lock:
            job = self.jobs[job_id]
            was_queued = job["status"] == "queued"
            job.update(fields, version=job["version"] + 1, updated_at=iso())
            view = self.view(job_id)
            self.tell(self.owners[job_id], {"type": "image_progress", "job": view})
            if was_queued != (job["status"] == "queued"):
                self._line_moved()
            return view

    # what clients see

    def view(self, job_id: str) -> Json:
        """Return a job with what is derived when it is read."""
        line = self._line()
        job = dict(self.jobs[job_id])
        waits = job["status"] == "queued"
        place = line.index(job_id) + 1 if waits else 0
        job |= {"queue_position": place, "queue_total": len(line), "eta_seconds": self._eta(job, place)}
        job |= {"server_time": iso(), "placeholder": waits and self.held}
        if waits and self.held:
            job |= {"stage": "held", "image_url": "/images/placeholder.svg"}
        return job

    def queue(self) -> Json:
        """Return the line's totals."""
        running = sum(job["status"] == "processing" for job in self.jobs.values())
        totals = {"waiting": len(self._line()), "processing": running}
        return {**totals, "held": self.held, "paused": self.paused, "retry_at": self.retry_at}

    def unfinished(self, user: str) -> list[Json]:
        """Return a user's unfinished jobs."""
        mine = [job for job in self.jobs.values() if self.owners[job["job_id"]] == user]
        return [self.view(job["job_id"]) for job in mine if job["status"] not in TERMINAL]

    def snapshot(self, user: str) -> Json:
        """Return the frame a socket begins with."""
        with self.lock:
            jobs = [self.view(job_id) for job_id, owner in self.owners.items() if owner == user]
            return {"type": "snapshot", "jobs": jobs[-200:], "queue": self.queue(), "truncated": len(jobs) > 200}

    def history(self, conversation_id: str) -> list[Json]:
        """Return a conversation's messages, oldest first, each with its newest job."""
        found = []
        for message in self.messages:
            if message["conversation_id"] != conversation_id:
                continue
            jobs = [job["job_id"] for job in self.jobs.values() if job["message_id"] == message["id"]]
            found.append({**message, "job": self.view(jobs[-1]) if jobs else None})
        return found

    def tell(self, user: str | None, frame: Json) -> None:
        """Send a frame to every socket of a user, or to everybody's."""
        for owner, send in list(self.sockets.values()):
            if user is None or owner == user:
                send(frame)

    def forget(self, conversation_id: str) -> None:
        """Delete a conversation with its jobs and messages."""
        with self.lock:
            self.conversations.pop(conversation_id, None)
            self.messages = [entry for entry in self.messages if entry["conversation_id"] != conversation_id]
            gone = [job["job_id"] for job in self.jobs.values() if job["conversation_id"] == conversation_id]
            for job_id in gone:
                del self.jobs[job_id], self.owners[job_id]

    @contextmanager
    def connected(self, user: str, send: Send) -> Iterator[None]:
        """Count a socket among the user's for as long as the block runs."""
        number = next(self.ids)
        with self.lock:
            self.sockets[number] = (user, send)
        try:
            yield
        finally:
            with self.lock:
                self.sockets.pop(number, None)

    def _line(self) -> list[str]:
        waiting = [job for job in self.jobs.values() if job["status"] == "queued"]
        return [job["job_id"] for job in sorted(waiting, key=lambda job: int(job["ticket"]))]

    def _line_moved(self, *, everyone: bool = False) -> None:
        for user in {owner for owner, _ in self.sockets.values()}:
            mine = [self.view(job_id) for job_id in self._line() if self.owners[job_id] == user]
            if not mine and not everyone:
                continue
            names = ("job_id", "queue_position", "eta_seconds")
            places = [{name: view[name] for name in names} for view in mine]
            self.tell(user, {"type": "queue", **self.queue(), "jobs": places, "server_time": iso()})

    def _eta(self, job: Json, place: int) -> float | None:
        if self.eta_per_job_s is None or self.held or job["status"] in TERMINAL:
            return None
        return self.eta_per_job_s * (place + 1) if place else self.eta_per_job_s * (100 - job["progress"]) / 100

    def _new_conversation(self, user: str, title: str) -> str:
        entry = {"id": str(uuid.uuid4()), "title": title, "created_at": iso(), "updated_at": iso(), "owner": user}
        self.conversations[entry["id"]] = entry
        return entry["id"]

    def _message(self, conversation_id: str, role: str, content: str) -> Json:
        message: Json = {"id": next(self.ids), "conversation_id": conversation_id, "role": role, "content": content}
        message |= {"extra_metadata": {}, "created_at": iso(), "updated_at": iso()}
        self.messages.append(message)
        return message

    def _enter(self, user: str, message: Json, prompt: str, params: Json, retry_of: str | None = None) -> Json:
        job_id = str(uuid.uuid4())
        self.jobs[job_id] = {
            "type": "image", "job_id": job_id, "message_id": message["id"], "prompt": prompt, "params": params,
            "conversation_id": message["conversation_id"], "status": "queued", "stage": "waiting", "progress": 0,
            "attempt": 0, "version": 1, "ticket": next(self.ids), "image_url": None, "image_expired": False,
            "preview_url": None, "error": None, "error_code": None, "retryable": False, "cancel_requested": False,
            "retry_of": retry_of, "created_at": iso(), "started_at": None, "finished_at": None, "updated_at": iso(),
        }  # fmt: skip
        self.owners[job_id] = user
        self.tell(user, {"type": "image_progress", "job": self.view(job_id)})
        self._line_moved()
        return self.view(job_id)
