"""Who works, and whether the line, its index and the broker's wake-ups agree."""

import time
from collections.abc import Callable
from typing import TypeVar

from redis import Redis

from cli.doctor_findings import Finding, Findings, advice, fault, ok
from shared.domain.fleet import CircuitState, WorkerProblem
from shared.duty_clock import DutyClock
from shared.line_index import LineIndex
from shared.queues import GPU_QUEUE, MAINTENANCE_QUEUE, RESCUE_TASK, wakeups_missing
from shared.settings import Settings
from shared.store import Store, WorkerState

Found = TypeVar("Found")

WORKERS, BEAT, LINE, WEBHOOKS = "GPU workers", "beat", "line", "webhooks"

#: what differs at one look may be on its way; what differs at the second is wrong
SECOND_LOOK_S = 1.0
#: a duty may be late by so many of its periods
PERIODS = 3
#: callbacks this old have failed for a while
OLD_CALLBACK_S = 600.0

MENDS: dict[str, str] = {
    WorkerProblem.UNREACHABLE: "start that Forge (with --api), or mend FORGE_URL of this worker",
    WorkerProblem.UNAUTHORIZED: "set FORGE_AUTH to what Forge's --api-auth says; a proxy must let txt2img through",
    WorkerProblem.BUSY_ELSEWHERE: "wait, or keep other people and workers off this Forge",
    WorkerProblem.POISONED: "choose another checkpoint in that Forge, or restart it: it lost its model",
}


def look_at_workers(workers: list[WorkerState]) -> Findings:
    """Look at who draws."""
    if not workers:
        mend = "start one: `celery -A worker worker -n gpu1@%h`, or `forgeline up`"
        yield fault(WORKERS, "none lives: jobs wait for ever", mend)
    for worker in workers:
        yield _worker(worker)


def look_at_beat(redis: "Redis", settings: Settings) -> Findings:
    """Look at whether the clock's duties are done; raises RedisError."""
    age_s = _last_duty_s(redis)
    if age_s is not None and age_s <= _allowed_s(settings):
        yield ok(BEAT, f"rings, and its duties are done (the last {age_s:.0f} s ago)")
        return
    since = "never" if age_s is None else f"{age_s:.0f} s ago"
    if int(redis.llen(MAINTENANCE_QUEUE)):
        mend = "start one: `celery -A beat worker -n maintenance@%h`"
        yield fault(BEAT, f"rings, but no maintenance worker answers (the last duty: {since})", mend)
    else:
        mend = "start it: `celery -A beat beat` (and `celery -A beat worker -n maintenance@%h`)"
        yield fault(BEAT, f"does not ring (the last duty: {since}): dead workers' jobs are not taken back", mend)


def look_at_line(store: Store, redis: "Redis", settings: Settings) -> Findings:
    """Compare the line with its index and the broker, twice; raises RedisError, StoreUnavailable."""
    waiting, _ = store.counts()
    yield _paused(store, waiting)
    age_s = _last_duty_s(redis)
    alive = age_s is not None and age_s <= _allowed_s(settings)
    rings = "the next reconciliation does it" if alive else "start beat and the maintenance worker: they do it"
    tell = advice if alive else fault
    missing = _twice(lambda: _wakeups_missing(store, redis, settings))
    if missing:
        yield tell(LINE, f"wake-ups that the broker lacks: {missing} (waiting: {waiting})", f"ring again: {rings}")
    else:
        yield ok(LINE, f"the broker holds the wake-ups it needs (waiting: {waiting})")
    if _twice(lambda: _index_differs(store, LineIndex(redis))):
        yield tell(LINE, "its index in Redis is not the line of the store", f"rebuild it: {rings}")
    else:
        yield ok(LINE, "its index agrees with the store")


def look_at_webhooks(store: Store, settings: Settings) -> Findings:
    """Look at what the outbox still holds; raises StoreUnavailable."""
    pending = store.pending_callbacks()
    if not pending.count:
        return
    text = f"{pending.count} callback(s) wait, the oldest for {pending.oldest_s:.0f} s"
    if not settings.webhook_hosts:
        yield advice(WEBHOOKS, text, "WEBHOOK_HOSTS is empty, so nothing is sent: name the receivers again")
    elif pending.oldest_s > OLD_CALLBACK_S:
        yield advice(WEBHOOKS, text, "see the maintenance worker's log for `callback failed`, and mend the receiver")
    else:
        yield ok(WEBHOOKS, text)


def _worker(worker: WorkerState) -> Finding:
    part = f"worker {worker.name}"
    if worker.problem:
        return fault(part, f"cannot use {worker.forge}: {worker.problem}", MENDS.get(worker.problem, "see its log"))
    if worker.circuit != CircuitState.CLOSED:
        text = f"circuit of {worker.forge} is {worker.circuit} (failures in a row: {worker.failures})"
        return fault(part, text, "see Forge's own log; it is tried again by itself")
    return ok(part, f"lives, {'runs a job' if worker.job_id else 'idle'}{', demo renderer' if worker.demo else ''}")


def _paused(store: Store, waiting: int) -> Finding:
    if store.line_state().paused:
        return advice(LINE, f"is paused (waiting: {waiting})", "`POST /queue/resume`, or the button in the page")
    return ok(LINE, "is not paused")


def _last_duty_s(redis: "Redis") -> float | None:
    """Return how long ago the clock last rescued, None: never."""
    return (DutyClock(redis).ages_s() or {}).get(RESCUE_TASK)


def _allowed_s(settings: Settings) -> float:
    return PERIODS * settings.rescue_every_s + 5


def _wakeups_missing(store: Store, redis: "Redis", settings: Settings) -> int:
    if store.line_state().paused:
        return 0
    waiting, _ = store.counts()
    workers = len(store.live_workers(settings.lease_s))
    return wakeups_missing(waiting=waiting, workers=workers, unheard=int(redis.llen(GPU_QUEUE)))


def _index_differs(store: Store, index: LineIndex) -> bool:
    return index.job_ids() != [job_id for job_id, _, _ in store.waiting_scores()]


def _twice(wrong: Callable[[], Found]) -> Found:
    """Return what is found; what is wrong is looked at once more."""
    found = wrong()
    if not found:
        return found
    time.sleep(SECOND_LOOK_S)
    return wrong()
