"""Every error a caller can meet: its code, its temper and its text in English and Turkish.

    ForgelineError
    ├── InvalidRequest         invalid_request          carries every fault of the request
    ├── Unauthenticated        unauthenticated
    ├── Forbidden              forbidden                foreign Host or Origin, missing role
    ├── CsrfRefused            csrf_refused
    ├── NotFound               not_found                also: someone else's
    ├── MethodNotAllowed       method_not_allowed
    ├── UnsupportedMediaType   unsupported_media_type
    ├── PayloadTooLarge        payload_too_large
    ├── RateLimited            rate_limited             temporary
    ├── JobFinished            job_finished
    ├── NotRetryable           not_retryable
    ├── IdempotencyConflict    idempotency_conflict
    ├── QueueFull              queue_full               temporary
    ├── TooManyJobs            too_many_jobs            temporary
    ├── QueueUnavailable       queue_unavailable        temporary
    └── Internal               internal                 temporary

The remaining codes are ends of jobs, never raised: `forge_timeout`, `forge_unavailable`,
`forge_rejected`, `forge_out_of_memory`, `forge_bad_response`, `model_not_found`, `stuck`,
`worker_lost`, `expired`, `cancelled`. A retry asks `TEMPORARY`, never the type.
"""

import dataclasses
from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

from shared.domain.texts import FAULT_TEXTS, TEXTS, Locale, localized


class ErrorCode(StrEnum):
    """The stable codes of errors, in HTTP answers and on jobs."""

    INVALID_REQUEST = "invalid_request"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    CSRF_REFUSED = "csrf_refused"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    RATE_LIMITED = "rate_limited"
    JOB_FINISHED = "job_finished"
    NOT_RETRYABLE = "not_retryable"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    QUEUE_FULL = "queue_full"
    TOO_MANY_JOBS = "too_many_jobs"
    QUEUE_UNAVAILABLE = "queue_unavailable"
    FORGE_TIMEOUT = "forge_timeout"
    FORGE_UNAVAILABLE = "forge_unavailable"
    FORGE_REJECTED = "forge_rejected"
    FORGE_OUT_OF_MEMORY = "forge_out_of_memory"
    FORGE_BAD_RESPONSE = "forge_bad_response"
    MODEL_NOT_FOUND = "model_not_found"
    STUCK = "stuck"
    WORKER_LOST = "worker_lost"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


#: codes after which the same input may succeed; told to clients as `retryable`
TEMPORARY = frozenset(
    {
        ErrorCode.RATE_LIMITED,
        ErrorCode.QUEUE_FULL,
        ErrorCode.TOO_MANY_JOBS,
        ErrorCode.QUEUE_UNAVAILABLE,
        ErrorCode.FORGE_TIMEOUT,
        ErrorCode.FORGE_UNAVAILABLE,
        ErrorCode.FORGE_OUT_OF_MEMORY,
        ErrorCode.FORGE_BAD_RESPONSE,
        ErrorCode.STUCK,
        ErrorCode.WORKER_LOST,
        ErrorCode.EXPIRED,
        ErrorCode.CANCELLED,
        ErrorCode.INTERNAL,
    }
)


def error_text(code: ErrorCode, locale: str, **params: object) -> str:
    """Return the user-facing text of `code` in `locale` (`en` or `tr`; else English)."""
    return localized(TEXTS[code.value], locale).format(**params)


@dataclasses.dataclass(frozen=True, slots=True)
class FieldFault:
    """One fault of a request: where it is, and which text of `FAULT_TEXTS` says what it is."""

    field: str
    fault: str
    params: dict[str, object] = dataclasses.field(default_factory=dict)

    def message(self, locale: str) -> str:
        """Return the sentence for people."""
        return localized(FAULT_TEXTS[self.fault], locale).format(**self.params)


class ForgelineError(Exception):
    """An error with a code; `retry_after_s` becomes the Retry-After header where it is set."""

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldFault] = (),
        retry_after_s: float | None = None,
        **params: object,
    ) -> None:
        super().__init__(detail or self.code.value)
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s
        self.params = params

    def text(self, locale: Locale | str) -> str:
        """Return the text for people in `locale`."""
        return error_text(self.code, locale, **self.params)


class InvalidRequest(ForgelineError):
    """The request breaks a rule; `errors` names every fault at once."""

    code = ErrorCode.INVALID_REQUEST

    def __init__(self, detail: str | None = None, *, status: int = 422, **rest: object) -> None:
        super().__init__(detail, **rest)  # type: ignore[arg-type]  # keywords of the parent
        self.status = status


class Unauthenticated(ForgelineError):
    """No token, or one that is not accepted."""

    code = ErrorCode.UNAUTHENTICATED


class Forbidden(ForgelineError):
    """Known, but not allowed; `status` is 421 for a foreign Host."""

    code = ErrorCode.FORBIDDEN

    def __init__(self, detail: str | None = None, *, status: int = 403) -> None:
        super().__init__(detail)
        self.status = status


class CsrfRefused(ForgelineError):
    """A cookie came with a request from another site."""

    code = ErrorCode.CSRF_REFUSED


class NotFound(ForgelineError):
    """There is no such thing, or it is someone else's."""

    code = ErrorCode.NOT_FOUND


class MethodNotAllowed(ForgelineError):
    """The route exists, this method of it does not."""

    code = ErrorCode.METHOD_NOT_ALLOWED


class UnsupportedMediaType(ForgelineError):
    """The body is not application/json."""

    code = ErrorCode.UNSUPPORTED_MEDIA_TYPE


class PayloadTooLarge(ForgelineError):
    """The body is over 64 KiB."""

    code = ErrorCode.PAYLOAD_TOO_LARGE


class RateLimited(ForgelineError):
    """Too many writes in a short time."""

    code = ErrorCode.RATE_LIMITED


class JobFinished(ForgelineError):
    """The job already ended and cannot be cancelled."""

    code = ErrorCode.JOB_FINISHED


class NotRetryable(ForgelineError):
    """Not the newest job of its message, or it did not end in error or cancelled."""

    code = ErrorCode.NOT_RETRYABLE


class IdempotencyConflict(ForgelineError):
    """The key was used with another body."""

    code = ErrorCode.IDEMPOTENCY_CONFLICT


class QueueFull(ForgelineError):
    """MAX_QUEUE jobs wait already."""

    code = ErrorCode.QUEUE_FULL


class TooManyJobs(ForgelineError):
    """This user has MAX_JOBS_PER_USER unfinished jobs."""

    code = ErrorCode.TOO_MANY_JOBS


class QueueUnavailable(ForgelineError):
    """PostgreSQL or Redis cannot be reached; nothing was stored."""

    code = ErrorCode.QUEUE_UNAVAILABLE


class Internal(ForgelineError):
    """A fault of ours."""

    code = ErrorCode.INTERNAL
