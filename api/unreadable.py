"""What is answered to a request that never became one: it could not be read, so no route and no door saw it.

The answer is a problem document like every other, in English: a language stands in headers, and those are what may be
broken. The connection ends with it.
"""

import uuid
from http import HTTPStatus

from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    ForbiddenProxyRequest,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)

from api.door_headers import SECURITY_HEADERS, content_policy
from api.errors import PROBLEM
from shared import logs
from shared.domain.errors import ErrorCode, error_text
from shared.domain.events import to_json

log = logs.get_logger(__name__)

_STATUS: dict[type[Exception], HTTPStatus] = {
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    ForbiddenProxyRequest: HTTPStatus.FORBIDDEN,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    ConfigurationProblem: HTTPStatus.INTERNAL_SERVER_ERROR,
    InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,
    InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def answer_to(error: BaseException, address: str) -> bytes:
    """Return the whole answer to what could not be read (or, a fault of ours, not be answered), and log it."""
    request_id = uuid.uuid4().hex
    status = _status_of(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request not answered", request_id=request_id, address=address, exc_info=error)
    else:
        log.warning("request not readable", request_id=request_id, address=address, fault=repr(error))
    body = to_json(_problem(status))
    headers = {**_headers(body, request_id), "Connection": "close"}
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body


def answer_to_part(status: HTTPStatus, address: str) -> tuple[dict[str, str], bytes]:
    """Return headers and body of the answer to a body that did not come whole (400) or in time (408), and log it."""
    request_id, body = uuid.uuid4().hex, to_json(_problem(status))
    fault = "its body did not come in time" if status is HTTPStatus.REQUEST_TIMEOUT else "its body did not come whole"
    log.warning("request not readable", request_id=request_id, address=address, fault=fault)
    return _headers(body, request_id), body


def _headers(body: bytes, request_id: str) -> dict[str, str]:
    return {
        "Content-Type": PROBLEM,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "X-Request-Id": request_id,
        "Content-Security-Policy": content_policy(),
        **SECURITY_HEADERS,
    }


def _status_of(error: BaseException) -> HTTPStatus:
    if not isinstance(error, ParseException):
        return HTTPStatus.INTERNAL_SERVER_ERROR
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)


def _problem(status: HTTPStatus) -> dict[str, object]:
    code = ErrorCode.INVALID_REQUEST
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        code = ErrorCode.INTERNAL
    elif status is HTTPStatus.FORBIDDEN:
        code = ErrorCode.FORBIDDEN
    text = error_text(code, "en")
    detail = f"{status.phrase}: {status.description}" if code is ErrorCode.INVALID_REQUEST else text
    return {"type": f"/docs#{code}", "title": text, "status": status.value, "detail": detail, "code": code.value}
