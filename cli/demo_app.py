"""The stand-in as one WSGI application: what every request meets before and after its route."""

from __future__ import annotations

import gzip
import hmac
import time

from flask import Flask, Response, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from cli.demo_api import error_body, internal, sdapi
from cli.demo_controls import Doors, controls
from cli.demo_faults import Fault
from cli.demo_lists import Manners, lists, options
from cli.demo_machine import Machine
from cli.demo_request import Unprocessable
from cli.demo_server import CONTROL_MARK, cut
from cli.demo_state import Aborted, Struck
from shared.domain.fleet import DEMO_HEADER

PAGE = "<!doctype html><title>Demo renderer</title><p>This is Forgeline's demo renderer, a stand-in for Forge.</p>"


def create_demo(machine: Machine, manners: Manners, doors: Doors) -> Flask:
    """Return the application; `doors` gets its listener once there is one."""
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    app.register_blueprint(sdapi(machine, manners))
    app.register_blueprint(lists())
    app.register_blueprint(options(machine, manners))
    app.register_blueprint(internal(machine))
    app.register_blueprint(controls(machine, manners, doors))
    app.get("/")(lambda: PAGE)
    _add_gatekeepers(app, machine, manners)
    _add_errors(app, machine, manners)
    app.after_request(_finish)
    return app


def _add_gatekeepers(app: Flask, machine: Machine, manners: Manners) -> None:
    @app.before_request
    def before() -> Response | None:
        request.get_data()
        if request.path.startswith("/demo"):
            return None if CONTROL_MARK in request.environ else _not_found()
        if request.path == "/":
            return None
        machine.witness.called(f"{request.method} {request.path}")
        fault = machine.faults.take("all")
        return _struck(machine, fault) if fault else _refused(manners)


def _struck(machine: Machine, fault: Fault) -> Response:
    """Answer in place of a route."""
    if fault.kind == "mute":
        _stay_mute(machine)
    answers = {"unauthorized": _unauthorized, "not_found": _not_found}
    return answers[fault.kind]() if fault.kind in answers else _bare(fault.status)


def _stay_mute(machine: Machine) -> None:
    """Hold the request, and its thread of the pool, until the faults are cleared."""
    cleared = machine.faults.cleared
    with machine.changed:
        machine.changed.wait_for(lambda: machine.faults.cleared != cleared)
    cut(request.environ["demo.socket"])


def _refused(manners: Manners) -> Response | None:
    if request.path.startswith("/internal"):
        return None if manners.webui else _not_found()
    if time.monotonic() < manners.boot_until:
        return _not_found()
    given = request.authorization
    if manners.auth and not (given and hmac.compare_digest(f"{given.username}:{given.password}", manners.auth)):
        return _unauthorized("Incorrect username or password" if given else "Not authenticated")
    return None


def _unauthorized(detail: str = "Not authenticated") -> Response:
    answer = jsonify({"detail": detail})
    answer.status_code = 401
    answer.headers["WWW-Authenticate"] = "Basic"
    return answer


def _not_found() -> Response:
    answer = jsonify({"detail": "Not Found"})
    answer.status_code = 404
    return answer


def _bare(status: int) -> Response:
    return Response(f"<html><h1>{status}</h1></html>", status=status, mimetype="text/html")


def _add_errors(app: Flask, machine: Machine, manners: Manners) -> None:
    @app.errorhandler(Unprocessable)
    def unprocessable(error: Unprocessable) -> tuple[Response, int]:
        return jsonify({"detail": error.detail}), 422

    @app.errorhandler(ValidationError)
    def wrong_order(error: ValidationError) -> tuple[Response, int]:
        return jsonify({"detail": error.errors(include_context=False, include_url=False)}), 422

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[Response, int]:
        return jsonify({"detail": error.name}), error.code or 500

    @app.errorhandler(Struck)
    def struck(error: Struck) -> Response:
        return _struck(machine, error.fault)

    @app.errorhandler(Aborted)
    def aborted(_: Aborted) -> Response:
        cut(request.environ["demo.socket"])
        return Response(status=500)

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        return Response(error_body(error, manners.dialect), status=500, mimetype="application/json")


def _finish(answer: Response) -> Response:
    answer.headers[DEMO_HEADER] = "1"
    accepts = "gzip" in request.headers.get("Accept-Encoding", "")
    if accepts and (answer.content_length or 0) > 1000:
        answer.set_data(gzip.compress(answer.get_data(), compresslevel=5))
        answer.headers["Content-Encoding"] = "gzip"
    return answer
