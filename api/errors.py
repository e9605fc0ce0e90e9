"""Errors become RFC 9457 problem+json; the only error handler.

What we raise carries a code; its HTTP status stands here. What we did not foresee is
logged with its traceback and told as `internal`, without a word of it.
"""

import logging
from http import HTTPStatus
from math import ceil
from typing import Any

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

from api.language import request_locale
from shared.domain.errors import (
    ErrorCode,
    ForgelineError,
    Internal,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from shared.domain.events import to_json

log = logging.getLogger(__name__)

STATUS: dict[ErrorCode, int] = {
    ErrorCode.INVALID_REQUEST: 422,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.CSRF_REFUSED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.JOB_FINISHED: 409,
    ErrorCode.NOT_RETRYABLE: 409,
    ErrorCode.IDEMPOTENCY_CONFLICT: 409,
    ErrorCode.QUEUE_FULL: 429,
    ErrorCode.TOO_MANY_JOBS: 429,
    ErrorCode.QUEUE_UNAVAILABLE: 503,
    ErrorCode.INTERNAL: 500,
}

#: what the framework raises by itself, in our words
_FOREIGN: dict[int, type[ForgelineError]] = {
    404: NotFound,
    405: MethodNotAllowed,
    413: PayloadTooLarge,
    415: UnsupportedMediaType,
}

PROBLEM = "application/problem+json"
#: where the app's configuration holds the address a 401 sends people to
LOGIN_URL_KEY = "FORGELINE_LOGIN_URL"


def init_errors(app: Flask) -> None:
    """Answer every error of `app` as problem+json."""
    app.register_error_handler(ForgelineError, answer)
    app.register_error_handler(HTTPException, _foreign)
    app.register_error_handler(Exception, _unforeseen)


def status_of(error: ForgelineError) -> int:
    """Return the HTTP status of an error; some carry a finer one of their own."""
    return int(getattr(error, "status", STATUS[error.code]))


def answer(error: ForgelineError) -> Response:
    """Return the problem document of `error` in the request's language."""
    status = status_of(error)
    locale = request_locale()
    text = error.text(locale)
    problem: dict[str, Any] = {
        "type": f"/docs#{error.code}",
        "title": text,
        "status": status,
        "detail": text,
        "code": error.code.value,
    }
    if status == HTTPStatus.UNAUTHORIZED and current_app.config.get(LOGIN_URL_KEY):
        problem["login_url"] = current_app.config[LOGIN_URL_KEY]
    if error.errors:
        problem["errors"] = [{"field": fault.field, "message": fault.message(locale)} for fault in error.errors]
        problem["detail"] = "; ".join(f"{e['field']}: {e['message']}" for e in problem["errors"])
    response = Response(to_json(problem), status, mimetype=PROBLEM)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, ceil(error.retry_after_s)))
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _foreign(error: HTTPException) -> Response:
    code = error.code or 500
    if code < 400:  # a redirect of the router is an answer, not a fault
        return Response(error.get_body(), code, error.get_headers())
    known = _FOREIGN.get(code)
    if known is None:
        return _telling(answer(InvalidRequest(status=code) if code < 500 else Internal()), error)
    return _telling(answer(known()), error)


def _telling(mine: Response, error: HTTPException) -> Response:
    told = dict(error.get_headers())
    for name in ("Allow", "Content-Range", "Upgrade", "Sec-WebSocket-Version"):
        if name in told:
            mine.headers[name] = told[name]
    return mine


def _unforeseen(error: Exception) -> Response:
    log.exception("unforeseen error in %s %s", request.method, request.path, exc_info=error)
    return answer(Internal())
