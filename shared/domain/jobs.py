"""The job: its statuses, the machine that moves them, and how clients see it.

                 claim                    complete
      ┌────────┐ ───────▶ ┌────────────┐ ─────────▶ ┌──────────┐
  ──▶ │ queued │          │ processing │            │ complete │
      └────────┘ ◀─────── └────────────┘ ──fail───▶ ├──────────┤
        │    │   put_back        │                  │  error   │
        │    └──────fail─────────┼────────────────▶ ├──────────┤
        └──────────cancel────────┴──────cancel────▶ │cancelled │
                                                    └──────────┘

The three on the right are terminal and never change. A job that is put back keeps its
ticket, so it stands where it stood. `attempt` grows with every claim and fences every
write of a worker; `version` grows with every persisted change.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from shared.domain.identity import Identity, audience_of


class Status(StrEnum):
    """Where a job stands."""

    #: accepted and stored; waits in the line; a claim, a cancel or its expiry moves it on
    QUEUED = "queued"
    #: claimed by a worker that holds its lease
    PROCESSING = "processing"
    #: the image is stored
    COMPLETE = "complete"
    #: ended without an image; `error_code` says why
    ERROR = "error"
    #: ended because its owner (or an admin) asked
    CANCELLED = "cancelled"


class Stage(StrEnum):
    """The finer state inside queued and processing; terminal jobs have none."""

    #: in the line
    WAITING = "waiting"
    #: in the line, while no image server can be reached (derived when read, never stored)
    HELD = "held"
    #: Forge loads the model, or we are between two tries
    LOADING = "loading"
    #: Forge draws
    SAMPLING = "sampling"
    #: the picture is there and is being checked and stored
    SAVING = "saving"


class Verb(StrEnum):
    """What can be done to a job."""

    CLAIM = "claim"
    PUT_BACK = "put_back"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"


TERMINAL = frozenset({Status.COMPLETE, Status.ERROR, Status.CANCELLED})
UNFINISHED = frozenset({Status.QUEUED, Status.PROCESSING})
RETRYABLE = frozenset({Status.ERROR, Status.CANCELLED})

TRANSITIONS: dict[tuple[Status, Verb], Status] = {
    (Status.QUEUED, Verb.CLAIM): Status.PROCESSING,
    (Status.QUEUED, Verb.FAIL): Status.ERROR,
    (Status.QUEUED, Verb.CANCEL): Status.CANCELLED,
    (Status.PROCESSING, Verb.PUT_BACK): Status.QUEUED,
    (Status.PROCESSING, Verb.COMPLETE): Status.COMPLETE,
    (Status.PROCESSING, Verb.FAIL): Status.ERROR,
    (Status.PROCESSING, Verb.CANCEL): Status.CANCELLED,
}


def after(status: Status, verb: Verb) -> Status | None:
    """Return the status `verb` leads to, or None where it does not apply."""
    return TRANSITIONS.get((status, verb))


def sources(verb: Verb) -> tuple[Status, ...]:
    """Return the statuses from which `verb` is allowed, for a compare-and-set."""
    return tuple(status for status, allowed in TRANSITIONS if allowed is verb)


class Priority:
    """The first key of the waiting line; smaller stands before."""

    HIGH = 0
    NORMAL = 10


PENDING_CONTENT = "[IMAGE_PENDING]"
PLACEHOLDER_URL = "/images/placeholder.svg"


def image_url(name: str) -> str:
    """Return the address of a stored image."""
    return f"/images/{name}"


def done_content(name: str) -> str:
    """Return the bot message's content once the image `name` is stored."""
    return f"[IMAGE] IMAGE_PATH: {image_url(name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request for one image, as its row says. Moments are aware UTC."""

    job_id: str
    message_id: int
    conversation_id: str
    user_id: str
    username: str | None
    status: Status
    stage: Stage | None
    progress: int
    priority: int
    ticket: int
    attempt: int
    version: int
    change_seq: int
    prompt: str
    params: dict[str, Any]
    locale: str
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    queue_position: int = 0
    image_name: str | None = None
    image_expired: bool = False
    error_code: str | None = None
    error: str | None = None
    retryable: bool = False
    cancel_requested: bool = False
    cancel_requested_at: datetime | None = None
    retry_of: str | None = None
    callback_url: str | None = None
    idempotency_key: str | None = None
    body_hash: str | None = None
    deaths: int = 0
    bad_rounds: int = 0
    forge_deaths: int = 0
    worker: str | None = None
    boot_id: str | None = None
    forge: str | None = None
    task_id: str | None = None
    lease_until: datetime | None = None
    alive_at: datetime | None = None
    sampling_at: datetime | None = None
    forge_loading: bool = False
    load_s: float | None = None
    run_s: float | None = None

    @property
    def terminal(self) -> bool:
        """Whether this job has ended."""
        return self.status in TERMINAL

    @property
    def audience(self) -> frozenset[str]:
        """The typed identity members that receive this job's events."""
        return audience_of(self.user_id, self.username)

    def belongs_to(self, identity: Identity) -> bool:
        """Whether `identity` submitted this job."""
        return self.user_id == identity.user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What is derived when a job is read (at `server_time`), and raises no version."""

    server_time: datetime
    queue_position: int = 0
    queue_total: int = 0
    eta_seconds: int | None = None
    held: bool = False
    preview_version: int | None = None


def iso(moment: datetime | None) -> str | None:
    """Return ISO 8601 in UTC with milliseconds and a Z, or None."""
    if moment is None:
        return None
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def stored_view(job: Job) -> dict[str, Any]:
    """Return the part of the job that stands in its message's `extra_metadata`."""
    return {
        "type": "image",
        "job_id": job.job_id,
        "message_id": job.message_id,
        "conversation_id": job.conversation_id,
        "status": job.status.value,
        "stage": job.stage.value if job.stage else None,
        "progress": job.progress,
        "queue_position": job.queue_position if job.status is Status.QUEUED else 0,
        "attempt": job.attempt,
        "version": job.version,
        "prompt": job.prompt,
        "params": job.params,
        "image_url": _stored_image_url(job),
        "image_expired": job.image_expired,
        "error": job.error,
        "error_code": job.error_code,
        "retryable": job.retryable,
        "cancel_requested": job.cancel_requested,
        "retry_of": job.retry_of,
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "finished_at": iso(job.finished_at),
        "updated_at": iso(job.updated_at),
    }


def client_view(job: Job, live: Live) -> dict[str, Any]:
    """Return the whole live job, as every client sees it, in HTTP answers and in events alike."""
    view = stored_view(job)
    waiting = job.status is Status.QUEUED
    view["queue_position"] = live.queue_position if waiting else 0
    view["queue_total"] = live.queue_total
    view["eta_seconds"] = live.eta_seconds if not job.terminal else None
    view["preview_url"] = _preview_url(job, live)
    view["placeholder"] = waiting and live.held
    view["server_time"] = iso(live.server_time)
    if waiting and live.held:
        view["stage"] = Stage.HELD.value
        view["image_url"] = PLACEHOLDER_URL
        view["eta_seconds"] = None
    return view


def _stored_image_url(job: Job) -> str | None:
    shown = job.status is Status.COMPLETE and not job.image_expired
    return image_url(job.image_name) if shown and job.image_name else None


def _preview_url(job: Job, live: Live) -> str | None:
    if job.stage is not Stage.SAMPLING or live.preview_version is None:
        return None
    return f"/image/job/{job.job_id}/preview?v={live.preview_version}"
