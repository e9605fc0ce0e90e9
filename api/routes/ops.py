"""The line's state, its switch, the options, and whether this process is well."""

from typing import Any

from flask import Blueprint, Response, request

from api.auth import current_identity, require_admin
from api.context import context
from api.queries import Query, parse_query
from api.replies import as_json
from api.ws import is_draining
from shared.domain.errors import ForgelineError
from shared.domain.identity import Identity
from shared.domain.jobs import iso
from shared.domain.params import defaults, presets
from shared.store import WorkerState

ops = Blueprint("ops", __name__)

LISTS = ("samplers", "schedulers")


@ops.get("/image/status")
def image_status() -> Response:
    """Answer the line, the workers and my unfinished jobs."""
    parse_query(request.args, Query)
    here, identity = context(), current_identity()
    jobs = here.store.unfinished_jobs(identity.user_id)
    mine = {job.job_id for job in jobs}
    viewed, totals = here.live.views_and_totals(jobs)
    return as_json(
        {
            "queue": totals.view(),
            "workers": [_worker(worker, identity, mine) for worker in here.live.workers()],
            "jobs": [view for _, view in viewed],
        }
    )


@ops.get("/image/options")
def options() -> Response:
    """Answer what may be asked for: samplers, schedulers, models, defaults, limits, presets."""
    parse_query(request.args, Query)
    here = context()
    workers = here.live.workers()
    reported = [worker.lists for worker in workers if worker.lists]
    models = {model["title"]: model for lists in reported for model in lists["models"]}
    answer: dict[str, Any] = {
        name: list(dict.fromkeys(entry for lists in reported for entry in lists[name])) for name in LISTS
    }
    answer["models"] = list(models.values())
    answer["defaults"] = defaults(here.limits)
    answer["limits"] = here.limits.view()
    answer["presets"] = presets(here.limits)
    answer["demo"] = any(worker.demo for worker in workers)
    return as_json(answer)


@ops.post("/queue/pause")
def pause() -> Response:
    """Start no new job; running ones finish, submissions are still taken."""
    parse_query(request.args, Query)
    require_admin()
    if context().store.pause():
        context().announcer.line_moved()
    return as_json({"paused": True})


@ops.post("/queue/resume")
def resume() -> Response:
    """Start jobs again."""
    parse_query(request.args, Query)
    require_admin()
    if context().store.resume():
        context().announcer.line_moved()
        context().processor.ring_for_line()
    return as_json({"paused": False})


@ops.get("/healthz")
def healthz() -> Response:
    """Answer that the process lives."""
    return as_json({"status": "ok"})


@ops.get("/readyz")
def readyz() -> Response:
    """Answer whether PostgreSQL and Redis answer; 503 names what does not."""
    here = context()
    checks = {"postgresql": _database_answers(), "redis": here.processor.index.answers()}
    ready = all(checks.values()) and not is_draining()
    words = {name: "ok" if well else "unreachable" for name, well in checks.items()}
    return as_json({"status": "ready" if ready else "not ready", **words}, 200 if ready else 503)


def _database_answers() -> bool:
    try:
        context().store.line_state()
    except ForgelineError:
        return False
    return True


def _worker(worker: WorkerState, identity: Identity, mine: set[str]) -> dict[str, Any]:
    may_see_job = identity.is_admin or worker.job_id in mine
    return {
        "name": worker.name,
        "forge": worker.forge if identity.is_admin else None,
        "problem": worker.problem,
        "circuit": {
            "state": worker.circuit,
            "failures": worker.failures,
            "retry_at": iso(worker.retry_at),
        },
        "demo": worker.demo,
        "job_id": worker.job_id if may_see_job else None,
    }
