"""The stand-in's own routes under /demo on its control port: tests make it misbehave and read what it saw.

POST   /demo/faults     {"kind": "oom", "times": 1, …}      one misbehaviour (cli.demo_faults lists them)
GET    /demo/faults     the faults still to come            DELETE: none any more, hanging ones go on
POST   /demo/gate       {"at": 0.4 | "loading" | "decoding"}  hold every generation there
GET    /demo/gate?wait=S    {"at", "held": [task ids]}, as soon as one is held
POST   /demo/gate/next  let the held one go on, hold the next     DELETE /demo/gate: open
POST   /demo/settings   {"step_seconds", "load_seconds", "job_seconds", "payload": painted|noise|plain,
                         "webui", "dialect": forge|a1111, "auth": "user:password", "options": {…}}
GET    /demo/log        what was seen; `?event=start&task=…&count=2&wait=5` waits for such entries
DELETE /demo/log        forget it
POST   /demo/refuse     {"seconds": 5} (none: until /demo/accept); {"restart": true}
                        also forgets every job, as a process that was started anew
POST   /demo/accept     listen again                         POST /demo/restart: lose every job, go on
POST   /demo/boot       {"seconds": 2}: every /sdapi route answers 404, as while Forge starts
"""

from __future__ import annotations

import threading
import time
from typing import Any, TypeVar, cast

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field

from cli.demo_faults import Fault, Point
from cli.demo_lists import Manners
from cli.demo_machine import Machine
from cli.demo_server import Listener
from cli.demo_state import Payload

Order = TypeVar("Order", bound=BaseModel)


class _Gate(BaseModel):
    at: Point


class _Refuse(BaseModel):
    seconds: float | None = None
    restart: bool = False


class _Boot(BaseModel):
    seconds: float = 1.0


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    step_seconds: float | None = Field(default=None, ge=0)
    load_seconds: float | None = Field(default=None, ge=0)
    job_seconds: float | None = Field(default=None, ge=0)
    payload: Payload | None = None
    webui: bool | None = None
    dialect: str | None = Field(default=None, pattern="forge|a1111")
    auth: str | None = None
    options: dict[str, Any] | None = None


class Doors:
    """The listener that faults may close; set once the server listens."""

    listener: Listener | None = None

    def refuse(self, seconds: float | None) -> None:
        """Close the door before the order is answered: whoever comes after it is refused."""
        listener = cast(Listener, self.listener)
        listener.close()
        if seconds is not None:
            threading.Timer(seconds, listener.open).start()


def controls(machine: Machine, manners: Manners, doors: Doors) -> Blueprint:
    """Return the routes under /demo."""
    routes = Blueprint("controls", __name__, url_prefix="/demo")
    _fault_routes(routes, machine)
    _gate_routes(routes, machine)
    _door_routes(routes, machine, manners, doors)

    @routes.post("/settings")
    def settings() -> Response:
        wanted = _read(_Settings).model_dump(exclude_unset=True)
        manners.options.update(wanted.pop("options", None) or {})
        for name, value in wanted.items():
            setattr(machine.pace if hasattr(machine.pace, name) else manners, name, value)
        return jsonify({**vars(machine.pace), **vars(manners)})

    @routes.get("/log")
    def log() -> Response:
        wanted = request.args.to_dict()
        count, wait_s = int(wanted.pop("count", 0)), float(wanted.pop("wait", 0))
        if not wanted and not count:
            return jsonify(machine.witness.report())
        return jsonify(machine.witness.wait(wanted, count or 1, wait_s))

    @routes.delete("/log")
    def forget() -> Response:
        machine.witness.clear()
        return jsonify({})

    return routes


def _fault_routes(routes: Blueprint, machine: Machine) -> None:
    @routes.post("/faults")
    def add() -> Response:
        machine.faults.add(_read(Fault))
        return jsonify(machine.faults.listed())

    @routes.get("/faults")
    def listed() -> Response:
        return jsonify(machine.faults.listed())

    @routes.delete("/faults")
    def clear() -> Response:
        machine.clear_faults()
        return jsonify([])


def _gate_routes(routes: Blueprint, machine: Machine) -> None:
    @routes.post("/gate")
    def shut() -> Response:
        machine.gate.shut(_read(_Gate).at)
        return jsonify(machine.gate.report())

    @routes.get("/gate")
    def report() -> Response:
        return jsonify(machine.gate.report(request.args.get("wait", 0.0, type=float)))

    @routes.post("/gate/next")
    def let_one_through() -> Response:
        machine.gate.let_one_through()
        return jsonify({})

    @routes.delete("/gate")
    def open_gate() -> Response:
        machine.gate.open()
        return jsonify({})


def _door_routes(routes: Blueprint, machine: Machine, manners: Manners, doors: Doors) -> None:
    @routes.post("/refuse")
    def refuse() -> Response:
        order = _read(_Refuse)
        doors.refuse(order.seconds)
        if order.restart:
            machine.restart()
        return jsonify({})

    @routes.post("/accept")
    def accept() -> Response:
        cast(Listener, doors.listener).open()
        return jsonify({})

    @routes.post("/restart")
    def restart() -> Response:
        machine.restart()
        return jsonify({})

    @routes.post("/boot")
    def boot() -> Response:
        manners.boot_until = time.monotonic() + _read(_Boot).seconds
        return jsonify({})


def _read(kind: type[Order]) -> Order:
    return kind.model_validate_json(request.get_data() or b"{}")
