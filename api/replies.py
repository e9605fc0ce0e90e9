"""JSON answers, answers under a request's conditions, and the ids that stand in paths."""

import re
from http import HTTPStatus

from flask import Response, request
from werkzeug.http import is_resource_modified

from shared.domain.errors import InvalidRequest, NotFound
from shared.domain.events import to_json

_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WHOLE = {"HTTP_RANGE": "bytes=0-"}
#: longer than any id we make, short enough to look up
_MAX_ID_CHARS = 200


def as_json(value: object, status: int = 200, **headers: str) -> Response:
    """Return `value` as a JSON answer that nobody caches."""
    response = Response(to_json(value), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(headers)
    return response


def conditionally(response: Response, *, length: int | None = None) -> Response:
    """Return the answer, 304 or, of one with a `length`, the part that the request's conditions ask for.

    Raises InvalidRequest for a 412.
    """
    environ = dict(request.environ)
    if request.if_match.star_tag:  # any will do, and there is one; werkzeug looks for one of that name
        environ.pop("HTTP_IF_MATCH", None)
    if not _asks_for_a_part() or not is_resource_modified(environ, response.headers.get("ETag")):
        environ.pop("HTTP_RANGE", None)
    elif length and _asks_for_more_than(length):
        environ |= _WHOLE
    response.make_conditional(environ, accept_ranges=length is not None, complete_length=length)
    if response.status_code == HTTPStatus.PRECONDITION_FAILED:  # with the whole content, not told as an error
        raise InvalidRequest(status=HTTPStatus.PRECONDITION_FAILED)
    return response


def _asks_for_a_part() -> bool:
    """Tell whether there is a range to look at once the other conditions hold (RFC 9110 13.2.2).

    Several ranges, other units than bytes and those of other methods than GET are passed over (14.2), where werkzeug
    answers 416 or a part.
    """
    unit, _, ranges = request.headers.get("Range", "").partition("=")
    return request.method == "GET" and unit.strip().lower() == "bytes" and "," not in ranges


def _asks_for_more_than(length: int) -> bool:
    """Tell whether the last bytes are asked for, and more of them than there are: that is the whole of it.

    RFC 9110 14.1.2; werkzeug answers it 416.
    """
    asked = request.range
    return asked is not None and [first < -length for first, _ in asked.ranges] == [True]


def job_id_of(text: str) -> str:
    """Return a well-formed job id; raise NotFound for any other form."""
    if not _JOB_ID.fullmatch(text):
        raise NotFound
    return text


def conversation_id_of(text: str) -> str:
    """Return an id that may be looked up; raise NotFound for one that cannot exist."""
    if len(text) > _MAX_ID_CHARS or not text.isprintable():
        raise NotFound
    return text
