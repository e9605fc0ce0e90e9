"""One log line and one measurement for every request that is answered.

Health probes, metrics and the page's files are told at `debug`, everything else at `info`. The path is logged without
its query; the measurement carries the route, not the path, so that it has few labels.
"""

import logging
from time import perf_counter

from flask import Flask, Response, g, request
from prometheus_client import Histogram

from api.auth import PUBLIC_FOLDER, SOCKET_PATH
from shared import logs

log = logs.get_logger(__name__)

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})

REQUEST_SECONDS = Histogram(
    "forgeline_http_request_seconds",
    "From the request's headers to its answer's, by route; unknown paths are `other`.",
    ["method", "route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
#: any other method that a client makes up shares one label
METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"})


def init_access(app: Flask) -> None:
    """Measure and log every request of `app`; call it before anything that may refuse one."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.began = perf_counter()


def _end(answer: Response) -> Response:
    if request.path == SOCKET_PATH:
        return answer
    seconds = perf_counter() - g.began
    method = request.method if request.method in METHODS else "other"
    route = request.url_rule.rule if request.url_rule else "other"
    REQUEST_SECONDS.labels(method, route, str(answer.status_code)).observe(seconds)
    log.log(
        _level(request.path),
        "request",
        method=request.method,
        path=request.path,
        status=answer.status_code,
        duration_s=round(seconds, 4),
    )
    return answer


def _level(path: str) -> int:
    quiet = path in QUIET or path.startswith(PUBLIC_FOLDER)
    return logging.DEBUG if quiet else logging.INFO
