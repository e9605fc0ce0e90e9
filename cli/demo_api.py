"""Forge's /sdapi and /internal routes, answered by the machine; every answer says that it is the demo."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from cli.demo_answer import body_of
from cli.demo_lists import Manners
from cli.demo_machine import Machine
from cli.demo_noise import dice
from cli.demo_request import Txt2Img, parse
from cli.demo_sampling import sample
from cli.demo_server import client_has_left, cut
from cli.demo_state import Generation, Struck

Json = dict[str, Any]
BEFORE_THE_LOCK = ("mute", "unauthorized", "not_found")


def sdapi(machine: Machine, manners: Manners) -> Blueprint:
    """Return the routes under /sdapi/v1 that concern a generation."""
    routes = Blueprint("sdapi", __name__, url_prefix="/sdapi/v1")

    @routes.post("/txt2img")
    def txt2img() -> Response:
        generation = _generation(machine, parse(request.get_data()))
        machine.run(generation, sample)
        answer = Response(body_of(generation, manners.options["samples_format"]), mimetype="application/json")
        answer.call_on_close(lambda: machine.witness.note("answered", task=generation.task))
        return answer

    @routes.get("/progress")
    def progress() -> Response:
        return jsonify(_progress(machine, manners, with_image=request.args.get("skip_current_image") != "true"))

    @routes.post("/interrupt")
    def interrupt() -> Response:
        machine.interrupt()
        return jsonify({})

    @routes.post("/skip")
    def skip() -> Response:
        machine.skip()
        return jsonify(None)

    return routes


def internal(machine: Machine) -> Blueprint:
    """Return the routes under /internal, which Forge has only beside its web page."""
    routes = Blueprint("internal", __name__, url_prefix="/internal")

    @routes.get("/ping")
    def ping() -> Response:
        return jsonify({})

    @routes.get("/pending-tasks")
    def pending() -> Response:
        return jsonify({"size": len(machine.pending), "tasks": list(machine.pending)})

    @routes.post("/progress")
    def task_progress() -> Response:
        asked = request.get_json(force=True)
        return jsonify(_task_progress(machine, asked.get("id_task"), bool(asked.get("live_preview"))))

    return routes


def _generation(machine: Machine, asked: Txt2Img) -> Generation:
    connection = request.environ["demo.socket"]
    fault = machine.faults.take("generate")
    if fault and (fault.kind in BEFORE_THE_LOCK or (fault.kind == "status" and fault.status != 500)):
        machine.witness.note("struck", task=asked.force_task_id, kind=fault.kind)
        raise Struck(fault)
    seed = asked.seed if asked.seed not in (None, -1) else dice().randrange(2**32)
    return Generation(
        number=next(machine.numbers),
        request=asked,
        seed=seed or 0,
        began=request.environ["demo.began"],
        fault=fault,
        client_gone=lambda: client_has_left(connection),
        cut=lambda last_words: cut(connection, last_words),
    )


def _share(machine: Machine) -> tuple[float, float, Json]:
    """Return (progress, eta, state) as /progress computes them."""
    state, elapsed = machine.snapshot()
    if state.job_count == 0:
        return 0.0, 0.0, asdict(state)
    share = 0.01
    if state.job_count > 0:
        share += state.job_no / state.job_count
        if state.sampling_steps:
            share += state.sampling_step / state.sampling_steps / state.job_count
    return min(share, 1.0), elapsed / share - elapsed, asdict(state)


def _preview(machine: Machine, manners: Manners | None) -> bytes | None:
    picture, state = machine.picture, machine.state
    wanted = manners is None or manners.options["live_previews_enable"]
    if not wanted or picture is None or not state.sampling_steps:
        return None
    return picture.preview(min(1.0, state.sampling_step / state.sampling_steps))


def _progress(machine: Machine, manners: Manners, with_image: bool) -> Json:
    share, eta, state = _share(machine)
    image = _preview(machine, manners) if with_image else None
    encoded = base64.b64encode(image).decode() if image else None
    return {"progress": share, "eta_relative": eta, "state": state, "current_image": encoded, "textinfo": None}


def _task_progress(machine: Machine, task: str | None, with_image: bool) -> Json:
    active, queued = task == machine.current_task, task in machine.pending
    answer: Json = {"active": active, "queued": queued, "completed": task in machine.finished, "progress": None}
    answer |= {"eta": None, "live_preview": None, "id_live_preview": -1, "textinfo": None}
    if not active:
        place = list(machine.pending).index(task) + 1 if task and queued else 0
        text = f"In queue: {place}/{len(machine.pending)}" if queued else "Waiting..."
        return answer | {"textinfo": text}
    share, eta, _ = _share(machine)
    image = _preview(machine, None) if with_image else None
    if image:
        answer["live_preview"] = "data:image/png;base64," + base64.b64encode(image).decode()
        answer["id_live_preview"] = time.monotonic_ns()
    return answer | {"progress": max(0.0, share - 0.01), "eta": eta if share > 0.01 else None}


def error_body(error: Exception, dialect: str) -> bytes:
    """Return the 500 body of an exception: key `message` in Forge, `errors` in its relatives."""
    text = str(error)
    body: Json = {"error": type(error).__name__, "detail": "", "body": ""}
    return json.dumps(body | ({"message": text} if dialect == "forge" else {"errors": text})).encode()
