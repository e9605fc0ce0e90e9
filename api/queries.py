"""What a request may carry besides its body, declared once: checked by, and documented from, these models.

    query = parse_query(request.args, JobsQuery)

An unknown parameter, one that is given twice, and text where a number belongs are refused with the parameter's name.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Request

from api.body import validated
from shared.domain.errors import FieldFault, InvalidRequest
from shared.domain.faults import SAYING_PATTERN, TICKET_PATTERN, shown_name
from shared.domain.jobs import Status
from shared.images import THUMBNAIL_WIDTHS

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_WAIT_S = 30
MAX_MESSAGE_ID = 2**63 - 1
IDEMPOTENCY_HEADER = "Idempotency-Key"
MAX_KEY_CHARS = 255
#: Printable ASCII, which is all a header carries unchanged; its ends are no spaces.
KEY_PATTERN = r"^[!-~]([ -~]*[!-~])?$"

Flag = Literal["0", "1"]
Width = Literal[THUMBNAIL_WIDTHS]  # type: ignore[valid-type]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Field(min_length=1, max_length=200, pattern=SAYING_PATTERN, description="`next_cursor` of the page before."),
]

_WHOLE = re.compile(r"-?[0-9]{1,20}")
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,3})?")


class Query(BaseModel):
    """What a route may be asked after the question mark; this one: nothing."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class JobQuery(Query):
    """GET /image/job/{id}/status."""

    wait: Annotated[
        float, Field(ge=0, le=MAX_WAIT_S, description="Answer when the job changes, or after so many seconds.")
    ] = 0.0


class JobsQuery(Query):
    """GET /image/jobs."""

    status: Annotated[Literal[tuple(Status)] | None, Field(description="Only these.")] = None  # type: ignore[valid-type]
    limit: Limit = DEFAULT_LIMIT
    cursor: Annotated[str | None, Field(pattern=TICKET_PATTERN, description="`next_cursor` of the page before.")] = None
    all: Annotated[Flag, Field(description="1: everybody's, for admins.")] = "0"


class CancelQuery(Query):
    """DELETE /image/jobs."""

    status: Literal["queued"]


class PageQuery(Query):
    """GET /conversations."""

    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor = None


class MessagesQuery(Query):
    """GET /conversations/{id}/messages."""

    before: Annotated[int | None, Field(ge=1, le=MAX_MESSAGE_ID, description="Those before this message.")] = None
    limit: Limit = DEFAULT_LIMIT


class ImageQuery(Query):
    """GET /images/{name}."""

    download: Annotated[Flag, Field(description="1: to be saved as a file.")] = "0"
    w: Annotated[Width | None, Field(description="A thumbnail so many pixels wide, as WebP.")] = None


class PreviewQuery(Query):
    """GET /image/job/{id}/preview."""

    v: Annotated[int | None, Field(ge=0, le=2**53, description="Of which version; only for caches.")] = None


Asked = TypeVar("Asked", bound=Query)


def parse_query(given: MultiDict[str, str], model: type[Asked]) -> Asked:
    """Return the parameters as their declaration; raises InvalidRequest with every fault."""
    doubled = [FieldFault(shown_name([name]), "duplicate_key") for name, values in given.lists() if len(values) > 1]
    return validated(_numbers_read(given, model), model, doubled)


def _numbers_read(given: Mapping[str, str], model: type[Query]) -> dict[str, Any]:
    """Read digits as a number where the declaration asks for one; anything else stays text and is refused."""
    values: dict[str, Any] = dict(given.items())
    for name, text in values.items():
        field = model.model_fields.get(name)
        kinds = _kinds(field.annotation) if field else set()
        if int in kinds and _WHOLE.fullmatch(text):
            values[name] = int(text)
        elif float in kinds and _DECIMAL.fullmatch(text):
            values[name] = float(text)
    return values


def _kinds(annotation: Any) -> set[type]:
    """Return the types a declaration takes, looking into unions and literals."""
    parts = get_args(annotation)
    if not parts:
        return {annotation if isinstance(annotation, type) else type(annotation)}
    return set().union(*(_kinds(part) for part in parts))


def idempotency_key(asking: Request) -> str | None:
    """Return the Idempotency-Key header, None without one; raises InvalidRequest unless 1-255 printable characters."""
    key = asking.headers.get(IDEMPOTENCY_HEADER)
    if key is None:
        return None
    if len(key) > MAX_KEY_CHARS:
        raise InvalidRequest(errors=[FieldFault(IDEMPOTENCY_HEADER, "too_long", {"limit": MAX_KEY_CHARS})])
    if not re.fullmatch(KEY_PATTERN, key):
        raise InvalidRequest(errors=[FieldFault(IDEMPOTENCY_HEADER, "bad_characters" if key else "empty")])
    return key
