"""JSON answers, and the ids that stand in paths."""

import re

from flask import Response

from shared.domain.errors import NotFound
from shared.domain.events import to_json

_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: longer than any id we make, short enough to look up
_MAX_ID_CHARS = 200


def as_json(value: object, status: int = 200, **headers: str) -> Response:
    """Return `value` as a JSON answer that nobody caches."""
    response = Response(to_json(value), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(headers)
    return response


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
