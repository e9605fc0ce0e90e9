"""Submitting jobs, and what can be done to one: status, cancel, retry, front, preview."""

from time import monotonic, sleep
from typing import Any

from flask import Blueprint, Response, request

from api.auth import current_identity, require_admin
from api.body import JsonBody, read_json
from api.context import context
from api.language import request_locale
from api.processor import Accepted
from api.queries import CancelQuery, JobQuery, JobsQuery, PreviewQuery, Query, idempotency_key, parse_query
from api.replies import as_json, job_id_of
from api.ws import is_draining
from shared.domain.errors import Forbidden, InvalidRequest, NotFound
from shared.domain.jobs import Job
from shared.domain.params import parse_generate

jobs = Blueprint("jobs", __name__)

#: how often a waiting request looks whether its job changed
LOOK_EVERY_S = 0.2


@jobs.post("/image/generate")
def generate() -> Response:
    """Accept a prompt: 202 with the bare job, 200 for a key seen before."""
    parse_query(request.args, Query)
    key = idempotency_key(request)
    here = context()
    body = read_json(request)
    try:
        wanted = parse_generate(body.value, here.limits, here.reported_lists(), body.faults)
    except InvalidRequest:
        if made := _made_before(body, key):
            return _accepted(made.job, made.view, 200)
        raise
    identity = current_identity()
    if wanted.priority == "high" and not identity.is_admin:
        raise Forbidden
    accepted = here.processor.request_image_generation(wanted, identity, key=key, locale=request_locale())
    return _accepted(accepted.job, accepted.view, 202 if accepted.is_new else 200)


@jobs.get("/image/job/<job_id>/status")
def status(job_id: str) -> Response:
    """Answer the job; with `wait`, when it changed or after that many seconds."""
    asked = parse_query(request.args, JobQuery)
    job = _mine(job_id)
    deadline = monotonic() + asked.wait
    seen = job.change_seq
    while job.change_seq == seen and not job.terminal and monotonic() < deadline and not is_draining():
        sleep(LOOK_EVERY_S)
        job = _mine(job_id)
    return as_json(_shown(job, context().live.view(job)))


@jobs.delete("/image/job/<job_id>/cancel")
def cancel(job_id: str) -> Response:
    """Cancel: 200 once cancelled, 202 while Forge is being stopped."""
    parse_query(request.args, Query)
    job, view = context().processor.cancel(job_id_of(job_id), current_identity())
    return as_json(_shown(job, view), 200 if job.terminal else 202)


@jobs.delete("/image/jobs")
def cancel_waiting() -> Response:
    """Cancel all my waiting jobs."""
    parse_query(request.args, CancelQuery)
    changes = context().store.cancel_waiting(current_identity().user_id)
    return as_json({"cancelled": context().announcer.publish_all(changes)})


@jobs.post("/image/job/<job_id>/retry")
def retry(job_id: str) -> Response:
    """Begin again: 202 with a new job on the same message."""
    parse_query(request.args, Query)
    job = context().processor.retry(job_id_of(job_id), current_identity())
    return _accepted(job, context().live.view_of_stored(job), 202)


@jobs.post("/image/job/<job_id>/front")
def front(job_id: str) -> Response:
    """Make a job the first of the line; for admins."""
    parse_query(request.args, Query)
    require_admin()
    change = context().store.move_to_front(job_id_of(job_id))
    context().announcer.publish(change)
    return as_json(_shown(change.job, context().live.view_of_stored(change.job)))


@jobs.get("/image/jobs")
def listing() -> Response:
    """List my jobs, newest first; everyone's with `all=1` for admins."""
    asked = parse_query(request.args, JobsQuery)
    everyone = asked.all == "1"
    identity = require_admin() if everyone else current_identity()
    page = context().store.jobs_page(
        user_id=None if everyone else identity.user_id,
        status=asked.status,
        before=None if asked.cursor is None else int(asked.cursor),
        limit=asked.limit + 1,
    )
    shown = page[: asked.limit]
    more = len(page) > asked.limit
    viewed = context().live.views(shown)
    views = [_shown(job, view) for job, view in viewed if asked.status in (None, job.status)]
    return as_json({"jobs": views, "next_cursor": str(shown[-1].ticket) if more else None})


@jobs.get("/image/job/<job_id>/preview")
def preview(job_id: str) -> Response:
    """Answer the latest live preview as JPEG; owner only."""
    parse_query(request.args, PreviewQuery)
    job = context().store.job(job_id_of(job_id))
    if job is None or not job.belongs_to(current_identity()):
        raise NotFound
    jpeg = context().previews.read(job.job_id)
    if jpeg is None:
        raise NotFound
    response = Response(jpeg, mimetype="image/jpeg")
    response.headers["Cache-Control"] = "private, max-age=60"
    return response


def _made_before(body: JsonBody, key: str | None) -> Accepted | None:
    """Find what a key made of this body while some worker offered what it names: that stays accepted."""
    if key is None:
        return None
    try:
        wanted = parse_generate(body.value, context().limits, known_faults=body.faults)
    except InvalidRequest:
        return None
    return context().processor.made_before(wanted, current_identity(), key=key)


def _mine(job_id: str) -> Job:
    job = context().store.job_for(job_id_of(job_id), current_identity())
    if job is None:
        raise NotFound
    return job


def _shown(job: Job, view: dict[str, Any]) -> dict[str, Any]:
    """Return a job's view for whoever asks: an admin sees everybody's jobs, and previews of their own alone."""
    return view if job.belongs_to(current_identity()) else view | {"preview_url": None}


def _accepted(job: Job, view: dict[str, Any], status_code: int) -> Response:
    return as_json(view, status_code, Location=f"/image/job/{job.job_id}/status")
