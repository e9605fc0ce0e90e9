"""What the routes answer, as declarations: the OpenAPI document is made of them, and tests hold answers against it.

They describe, they do not build: the objects themselves come from the domain.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.errors import ErrorCode
from shared.domain.fleet import CircuitState, WorkerProblem
from shared.domain.jobs import Stage, Status

Moment = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, description="ISO 8601, UTC: 2026-01-31T12:00:00.000Z.")
]
Count = Annotated[int, Field(ge=0)]


class Answer(BaseModel):
    """Exactly these fields, all of them always there."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


class FaultAnswer(Answer):
    """One fault of a request."""

    field: str
    message: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    code: Annotated[ErrorCode, Field(description="Stable; made for programs.")]
    errors: Annotated[list[FaultAnswer], Field(description="Every fault of the request.")] = []


class JobAnswer(Answer):
    """A job: one request for one image."""

    type: Literal["image"]
    job_id: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    message_id: int
    conversation_id: str
    status: Annotated[Status, Field(description="The last three are final.")]
    stage: Annotated[Stage | None, Field(description="Finer than the status; null once the job has ended.")]
    progress: Annotated[int, Field(ge=0, le=100)]
    queue_position: Annotated[Count, Field(description="1 is next; 0: does not wait.")]
    queue_total: Annotated[Count, Field(description="How many wait in all.")]
    eta_seconds: Annotated[float | None, Field(description="Until the image is there, as far as can be told.")]
    attempt: Annotated[Count, Field(description="How often a worker took it.")]
    version: Annotated[Count, Field(description="Grows with every stored change.")]
    prompt: str
    params: Annotated[dict[str, Any], Field(description="What was asked; once complete, what was used.")]
    image_url: str | None
    placeholder: Annotated[bool, Field(description="Held: image_url is a placeholder.")]
    image_expired: bool
    preview_url: str | None
    error: str | None
    error_code: ErrorCode | None
    retryable: bool
    cancel_requested: bool
    retry_of: str | None
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    updated_at: Moment
    server_time: Moment


class JobsAnswer(Answer):
    """A page of jobs, newest first."""

    jobs: list[JobAnswer]
    next_cursor: str | None


class QueueAnswer(Answer):
    """The waiting line's totals."""

    waiting: Count
    processing: Count
    held: Annotated[bool, Field(description="No image server can be reached.")]
    paused: Annotated[bool, Field(description="An operator stopped new starts.")]
    retry_at: Annotated[Moment | None, Field(description="When a held line is tried again.")]


class CircuitAnswer(Answer):
    """A worker's circuit breaker."""

    state: CircuitState
    failures: Count
    retry_at: Moment | None


class WorkerAnswer(Answer):
    """A GPU worker that lives."""

    name: str
    forge: Annotated[str | None, Field(description="For admins.")]
    problem: WorkerProblem | None
    circuit: CircuitAnswer
    demo: Annotated[bool, Field(description="The demo renderer, not a real Forge.")]
    job_id: Annotated[str | None, Field(description="If it is yours, or you are an admin.")]


class StatusAnswer(Answer):
    """The line, the workers, and my unfinished jobs."""

    queue: QueueAnswer
    workers: list[WorkerAnswer]
    jobs: list[JobAnswer]


class CancelledAnswer(Answer):
    """How many waiting jobs were cancelled."""

    cancelled: Count


class PausedAnswer(Answer):
    """Whether new jobs start."""

    paused: bool


class ModelAnswer(Answer):
    """A model some worker offers."""

    name: str
    title: str


class PresetAnswer(Answer):
    """A size people ask for."""

    name: str
    width: int
    height: int


class OptionsAnswer(Answer):
    """What may be asked for."""

    samplers: list[str]
    schedulers: list[str]
    models: list[ModelAnswer]
    defaults: dict[str, Any]
    limits: dict[str, Any]
    presets: list[PresetAnswer]
    demo: bool


class ConversationAnswer(Answer):
    """A conversation."""

    id: str
    title: str
    created_at: Moment
    updated_at: Moment


class ConversationsAnswer(Answer):
    """A page of conversations, newest first."""

    conversations: list[ConversationAnswer]
    next_cursor: str | None


class MessageAnswer(Answer):
    """A message; the bot's carries its job."""

    id: int
    conversation_id: str
    role: Literal["user", "bot", "system"]
    content: str
    extra_metadata: dict[str, Any]
    created_at: Moment
    updated_at: Moment
    job: JobAnswer | None


class MessagesAnswer(Answer):
    """Messages, oldest first."""

    messages: list[MessageAnswer]
    has_more: bool


class HealthAnswer(Answer):
    """The process lives."""

    status: Literal["ok"]


class ReadyAnswer(Answer):
    """What the service stands on, and whether it answers."""

    status: Literal["ready", "not ready"]
    postgresql: Literal["ok", "unreachable"]
    redis: Literal["ok", "unreachable"]


class MeAnswer(Answer):
    """Who asks."""

    user_id: str
    username: str | None
    roles: list[str]
    auth_mode: Literal["local", "jwt"]
