"""A client for Python: submit, wait with progress, download. The commands are made of it.

    client = Client("http://127.0.0.1:8000")
    job = client.wait(client.submit("a lighthouse in a storm"))
    client.download(job, "lighthouse.png")

What the server refuses is raised as `Refused`, whose text is for a person. A question whose answer was lost, as while
the server restarts, is asked again for half a minute, and so is a submission; a cancel and a retry are sent once.
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeVar
from urllib.parse import quote

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from cli.client_call import Json, Lost, NobodyThere, NotThere, Refused, call, document, session_for
from shared.domain.jobs import TERMINAL
from shared.settings import ClientSettings, Settings

Answer = TypeVar("Answer")

TIMEOUT_S = 10.0
#: How long a question is asked again whose answers are lost, and the longest pause between two.
PATIENCE_S, LONGEST_PAUSE_S = 30.0, 2.0
#: One wait for a change of the job (the server allows 30); short in the line, whose moves are no change of the job.
WAIT_S, WAIT_IN_LINE_S = 20, 2


class Client:
    """The API at one address, with one person's token."""

    def __init__(self, url: str, token: str | None = None, *, patience_s: float = PATIENCE_S) -> None:
        self.url = url
        self._patience_s = patience_s
        self._session = session_for(url, token)

    @classmethod
    def from_env(cls) -> "Client":
        """Return the client that FORGELINE_URL and FORGELINE_TOKEN name; without them, of the stack of this folder."""
        client = ClientSettings.from_env()
        return cls(client.forgeline_url or Settings.from_env(while_up=False).url, client.forgeline_token)

    def submit(self, prompt: str, **request: Any) -> Json:
        """Submit a prompt; `request` holds further fields of POST /image/generate. Gives the job.

        It has a key, so it may be sent again where its answer was lost: it becomes one job.
        """
        key = {"Idempotency-Key": secrets.token_hex(16)}

        def send() -> Json:
            try:
                return self._json("POST", "/image/generate", json={"prompt": prompt, **request}, headers=key)
            except NotThere as error:
                raise _without_conversation(error, request) from error

        try:
            return send()
        except NobodyThere:
            raise  # a wrong address is told at once
        except Lost:
            return self.patiently(send)

    def wait(self, job: Json, on_change: Callable[[Json], None] | None = None) -> Json:
        """Wait until the job has ended, whatever its end; `on_change` is told every state on the way."""
        for state in self.changes(job):
            job = state
            if on_change:
                on_change(state)
        return job

    def job(self, job_id: str, *, wait_s: int = 0) -> Json:
        """Return the job; with `wait_s`, once it changed or after that long."""
        wait = {"wait": wait_s} if wait_s else {}
        return self._of_job("GET", job_id, "status", params=wait, timeout=TIMEOUT_S + wait_s)

    def changes(self, job: Json) -> Iterator[Json]:
        """Give the job as it is, then after each change, until it has ended; lost answers are asked for again."""
        yield job
        while job["status"] not in TERMINAL:
            job = self._changed(job)
            yield job

    def patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Ask, and while the answer is lost, again; raises Lost past the patience. Asking twice must do no harm."""
        asking = Retrying(
            retry=retry_if_exception_type(Lost),
            wait=wait_exponential(multiplier=0.1, max=LONGEST_PAUSE_S),
            stop=stop_after_delay(self._patience_s),
            reraise=True,
        )
        return asking(ask)

    def cancel(self, job_id: str) -> Json:
        """Cancel the job."""
        return self._of_job("DELETE", job_id, "cancel")

    def retry(self, job_id: str) -> Json:
        """Run the job again; gives the new one."""
        return self._of_job("POST", job_id, "retry")

    def status(self) -> Json:
        """Return the line, the workers and my unfinished jobs."""
        return self._json("GET", "/image/status", timeout=TIMEOUT_S)

    def picture_url(self, job: Json) -> str:
        """Return the address of the picture of a complete job. Raises Refused if it has none, or none any more."""
        return f"{self.url}{_picture_path(job)}"

    def download(self, job: Json, path: str | Path) -> Path:
        """Fetch the picture of a complete job; gives the absolute path of the file.

        Raises Refused if the job has none, or none any more, and if the file cannot be written.
        """
        place = _picture_path(job)
        picture = self.patiently(lambda: self._call("GET", place, timeout=TIMEOUT_S)).content
        path = Path(path)
        there = os.path.exists(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture)
        except OSError as error:
            if not there:
                with contextlib.suppress(OSError):
                    path.unlink()
            raise Refused(f"{_unwritable(path, error)}; the picture stays at {self.url}{place}") from error
        return path.resolve()

    def is_ready(self) -> bool:
        """Tell whether a server is there and ready."""
        try:
            return self._session.get(f"{self.url}/readyz", timeout=TIMEOUT_S).ok
        except requests.RequestException:
            return False

    def _of_job(self, method: str, job_id: str, act: str, **options: Any) -> Json:
        try:
            return self._json(method, _job_path(job_id, act), **options)
        except NotThere as error:
            raise Refused(f"there is no job {job_id}, or it is not yours") from error

    def _json(self, method: str, path: str, **options: Any) -> Json:
        return document(self._call(method, path, **options), self.url)

    def _changed(self, job: Json) -> Json:
        """Wait for a change; if the wait is cut off, the patience begins then, and asks how the job is now."""
        job_id = job["job_id"]
        try:
            return self.job(job_id, wait_s=WAIT_IN_LINE_S if job["status"] == "queued" else WAIT_S)
        except Lost:
            return self.patiently(lambda: self.job(job_id))

    def _call(
        self, method: str, path: str, *, timeout: float = TIMEOUT_S + WAIT_S, **options: Any
    ) -> requests.Response:
        return call(self._session, method, self.url, path, timeout=timeout, **options)


def must_be_writable(path: Path) -> None:
    """Raise Refused if no new file could be written there; makes nothing that stays."""
    try:
        if not path.exists():
            folder = next(place for place in path.absolute().parents if place.exists())
            TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> Refused:
    return Refused(f"{path} cannot be written: {error.strerror}")


def _picture_path(job: Json) -> str:
    if job["status"] != "complete" or not job["image_url"]:
        gone = "the picture of this job was deleted" if job.get("image_expired") else "this job has no picture"
        raise Refused(job["error"] or gone)
    return str(job["image_url"])


def _without_conversation(error: NotThere, request: Json) -> Refused:
    """Name what is missing: of all that a submission names, only its conversation can be."""
    named = request.get("conversation_id")
    return Refused(f"there is no conversation {named}, or it is not yours") if named else error


def _job_path(job_id: str, act: str) -> str:
    if not job_id.strip("."):
        raise Refused(f"{job_id!r} is the id of no job")  # `.` and `..` would lead to another route
    return f"/image/job/{quote(job_id, safe='', errors='replace')}/{act}"
