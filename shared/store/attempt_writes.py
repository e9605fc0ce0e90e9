"""What a worker writes of its attempt, each in one statement, for it does so in the middle of every generation.

    written   the job, if its row is still this attempt's
    told      its message: the keys of the job that the write changes

How such a statement is made is in `shared.store.one_statement`.
"""

import json
from functools import lru_cache
from typing import Any

from sqlalchemy import Integer, String, bindparam, case, extract, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.elements import ColumnElement

from shared.domain.jobs import Job, Stage, Status, done_content, image_url
from shared.store.changing import changed
from shared.store.one_statement import Run, for_the_driver, job_if_changed, merged_object, told
from shared.store.prepared import Prepared
from shared.store.tables import jobs

_FENCE = {"of_job": "text", "of_attempt": "integer"}


def write_progress(run: Run, job: Job, *, progress: int, stage: Stage) -> Job | None:
    """Persist progress (never lower than stored) and stage; None: the job is no longer this attempt's."""
    return job_if_changed(run(_progress(), _fence(job) | {"reached": progress, "at_stage": stage.value}))


def write_complete(run: Run, job: Job, *, image_name: str, params: dict[str, Any]) -> Job | None:
    """End the attempt of a job that owes nobody a callback; None: the job is no longer this attempt's."""
    shown = {"shown_at": image_url(image_name), "said": done_content(image_name)}
    written = {"kept_as": image_name, "used": json.dumps(params)}
    return job_if_changed(run(_complete(), _fence(job) | written | shown))


def held(job_id: str | ColumnElement[str], attempt: int | ColumnElement[int]) -> ColumnElement[bool]:
    """SQL: the row is still this attempt's (the fence of every write of a worker)."""
    return (jobs.c.job_id == job_id) & (jobs.c.status == Status.PROCESSING) & (jobs.c.attempt == attempt)


def completed(image_name: str | ColumnElement[str], params: dict[str, Any] | ColumnElement[Any]) -> dict[str, Any]:
    """Return the columns of a job that ends with its stored image and the effective parameters."""
    sampled = func.coalesce(jobs.c.sampling_at, jobs.c.started_at)
    return {
        "status": Status.COMPLETE,
        "progress": 100,
        "image_name": image_name,
        "params": params,
        "run_s": extract("epoch", func.clock_timestamp() - sampled),
        "load_s": extract("epoch", sampled - jobs.c.started_at),
        **ended(),
    }


def ended() -> dict[str, Any]:
    """Return the columns of every job that a worker ends."""
    return {"stage": None, "finished_at": func.clock_timestamp(), "lease_until": None, "forge_loading": False}


@lru_cache(maxsize=1)
def _progress() -> Prepared:
    stage, begun = bindparam("at_stage", type_=String), func.coalesce(jobs.c.sampling_at, func.clock_timestamp())
    values = {
        "progress": func.greatest(jobs.c.progress, bindparam("reached", type_=Integer)),
        "stage": stage,
        "alive_at": func.clock_timestamp(),
        "forge_loading": False,
        "sampling_at": case((stage == Stage.SAMPLING, begun), else_=jobs.c.sampling_at),
    }
    written = changed(_held(), values).cte("written")
    told_of = told(written, ("stage", "progress", "version"), ("updated_at",)).cte("told")
    return Prepared.of(*for_the_driver(written, told_of), _FENCE | {"reached": "integer", "at_stage": "text"})


@lru_cache(maxsize=1)
def _complete() -> Prepared:
    kept_as, used = bindparam("kept_as", type_=String), bindparam("used", type_=JSONB)
    shown_at, said = bindparam("shown_at", type_=String), bindparam("said", type_=String)
    written = changed(_held(), completed(kept_as, used)).cte("written")
    also = {"image_url": shown_at, "params": merged_object("params", used)}
    told_of = told(written, ("status", "stage", "progress", "version"), ("finished_at", "updated_at"), also)
    whole = for_the_driver(written, told_of.values(content=said).cte("told"))
    return Prepared.of(*whole, _FENCE | {"kept_as": "text", "used": "jsonb", "shown_at": "text", "said": "text"})


def _held() -> ColumnElement[bool]:
    return held(bindparam("of_job", type_=String), bindparam("of_attempt", type_=Integer))


def _fence(job: Job) -> dict[str, Any]:
    return {"of_job": job.job_id, "of_attempt": job.attempt}
