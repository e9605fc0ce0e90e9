"""One attempt at one job, from the claim to its end; knows no Celery.

    claim ─▶ try ─▶ picture ─▶ saving ─▶ complete
              ├─ failure ─▶ decision: retry · put back · fail
              └─ stopped: cancelled · given back (a shutdown, a lease in doubt) · lost

Forge's failures are made decisions by `shared.domain.decisions`; this carries them out.
Every write is fenced by the attempt's number, and waits for a database that is away.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from shared.domain.decisions import Decision, Outcome, Troubles, failure_decision
from shared.domain.errors import TEMPORARY, ErrorCode
from shared.domain.failures import FailureKind
from shared.domain.jobs import Job
from shared.domain.params import GenerationParams
from shared.store import Change, StoreUnavailable
from worker import stopping
from worker.forge import ForgeFailure, GeneratedImage, GenerationStopped, generate_image_via_forge
from worker.lease import Lease
from worker.persistence import persist
from worker.progress import ProgressTeller
from worker.workbench import Ending, StopReason, Workbench

log = logging.getLogger(__name__)

#: a disk that is full may have room again soon; the picture is kept meanwhile
SAVE_TRIES = 4
SAVE_AGAIN_S = 1.0


def run_attempt(job: Job, bench: Workbench) -> Ending:
    """Work a claimed job to the end of this attempt; its lease is kept meanwhile.

    Raises StoreUnavailable when this worker has to stop while the database is away.
    """
    settings = bench.settings
    seconds = {"lease_s": settings.lease_s, "heartbeat_s": settings.heartbeat_s}
    try:
        with Lease(bench.store, job, bench.claimant, **seconds) as lease:
            return Attempt(job, bench, lease).run()
    finally:
        bench.previews.drop(job.job_id)


class Attempt:
    """The state of one attempt while it runs."""

    def __init__(self, job: Job, bench: Workbench, lease: Lease) -> None:
        self._job = job
        self._bench = bench
        self._store = bench.store
        self._lease = lease
        self._troubles = Troubles(bad_rounds=job.bad_rounds, forge_deaths=job.forge_deaths)
        self._params = GenerationParams(prompt=job.prompt, **job.params)
        #: Forge may be at work on what we gave up
        self._ghost = False
        self._teller = ProgressTeller(
            job,
            bench.claimant,
            store=bench.store,
            announcer=bench.announcer,
            previews=bench.previews,
            step=bench.settings.progress_step,
        )

    def run(self) -> Ending:
        """Try until there is a picture, a verdict or a reason to stop."""
        numbers = count(1)
        ending = None
        while ending is None:
            ending = self._one_try(f"{self._job.job_id}-{self._job.attempt}-{next(numbers)}")
        if not self._ghost:
            persist(self._teller.end_tries)
        return ending

    def _one_try(self, task_id: str) -> Ending | None:
        """Return how the attempt ended, or None: try once more."""
        try:
            if self._ghost:
                self._bench.gate.clear_for_retry(self._teller.last_try)
                self._ghost = False
            if not persist(lambda: self._teller.begin_try(task_id)) or not persist(self._lease.confirm):
                return self._give_up()
            image = self._generate(task_id)
            self._bench.circuit.success()
            return self._save(image)
        except GenerationStopped as stopped:
            self._ghost = not stopped.stopped
            return self._stop(StopReason(stopped.reason))
        except ForgeFailure as failure:
            self._ghost = not failure.idle_again or (self._ghost and not failure.gone)
            self._bench.gate.blame(failure)
            return self._carry_out(self._decide(failure))

    def _generate(self, task_id: str) -> GeneratedImage:
        with self._bench.figures.generating(self._job):
            return generate_image_via_forge(
                self._bench.forge,
                self._params,
                task_id=task_id,
                on_progress=lambda found: self._teller.tell(found, task_id=task_id),
                should_stop=self._reason_to_stop,
                limits=self._bench.limits,
                previews=lambda: self._bench.watchers.of(self._job, time.time()),
            )

    def _reason_to_stop(self) -> StopReason | None:
        if self._lease.gone or self._lease.unsure:
            return StopReason.LOST
        if stopping.is_overdue():
            return StopReason.SHUTDOWN
        try:
            found = self._store.look(self._job)
        except StoreUnavailable:
            return None
        if found is None:
            return StopReason.LOST
        return StopReason.CANCELLED if found.cancel_requested else None

    def _decide(self, failure: ForgeFailure) -> Decision:
        settings = self._bench.settings
        decision = failure_decision(
            failure.kind,
            self._troubles,
            retry_delays_s=tuple(settings.forge_retry_delays_s),
            timeout_s=settings.forge_timeout_s,
            died_generating=failure.died,
        )
        self._troubles = _worse(self._troubles, failure.kind)
        return decision

    def _carry_out(self, decision: Decision) -> Ending | None:
        if decision.outcome is Outcome.RETRY:
            return self._wait_for_retry(decision.delay_s)
        if decision.outcome is Outcome.PUT_BACK:
            return self._put_back(decision)
        self._fail(decision.code or ErrorCode.INTERNAL, decision.text_params)
        return Ending.DONE

    def _fail(self, code: ErrorCode, text_params: dict[str, object]) -> None:
        retryable = code in TEMPORARY
        self._publish(lambda: self._store.fail(self._job, code, retryable=retryable, **text_params))

    def _wait_for_retry(self, delay_s: float) -> Ending | None:
        until = time.monotonic() + delay_s
        while (left_s := until - time.monotonic()) > 0:
            reason = self._reason_to_stop()
            if reason is not None:
                return self._stop(reason)
            time.sleep(min(left_s, self._bench.settings.progress_poll_s))
        return None

    def _stop(self, reason: StopReason) -> Ending:
        if reason is StopReason.SHUTDOWN:
            return self._put_back(Decision(Outcome.PUT_BACK))
        if self._ghost:
            self._bench.circuit.trip()
        if reason is StopReason.LOST:
            return self._give_up()
        self._publish(lambda: self._store.finish_cancel(self._job))
        return Ending.DONE

    def _give_up(self) -> Ending:
        """Leave the job to others; if nobody took it, it goes back to its place and no death is counted."""
        log.warning("job %s: attempt %d is given up, its lease is lost", self._job.job_id, self._job.attempt)
        return self._put_back(Decision(Outcome.PUT_BACK))

    def _put_back(self, decision: Decision) -> Ending:
        """Return the job to its place; a cancel asked for meanwhile ends it instead."""
        raised = {"bad_rounds": decision.bad_rounds, "forge_deaths": decision.forge_deaths}
        if self._publish(lambda: self._store.put_back(self._job, **raised)) is not None:
            return Ending.PUT_BACK
        ended = self._publish(lambda: self._store.finish_cancel(self._job))
        return Ending.LOST if ended is None else Ending.DONE

    def _save(self, image: GeneratedImage) -> Ending:
        """Store the picture, then complete; raises ForgeFailure for one that is none."""
        if not persist(self._lease.confirm) or not persist(self._teller.saving):
            return self._give_up()
        try:
            name = self._stored(image)
        except OSError:
            log.exception("job %s: the picture could not be stored", self._job.job_id)
            self._fail(ErrorCode.INTERNAL, {})
            return Ending.DONE
        params = _effective(self._job, image)
        if self._publish(lambda: self._store.complete(self._job, image_name=name, params=params)) is None:
            return self._without(name)
        return Ending.DONE

    def _without(self, name: str) -> Ending:
        """Another process ended the job, and nobody will ask for this picture; or we did, and did not hear of it."""
        row = persist(lambda: self._store.job(self._job.job_id))
        if row is not None and row.image_name == name:
            self._bench.announcer.publish(Change(row))
            return Ending.DONE
        self._bench.saver.discard(name)
        return Ending.LOST

    def _stored(self, image: GeneratedImage) -> str:
        tries = Retrying(
            stop=stop_after_attempt(SAVE_TRIES),
            wait=wait_fixed(SAVE_AGAIN_S),
            retry=retry_if_exception_type(OSError),
            reraise=True,
        )
        return tries(self._bench.saver.save, image)

    def _publish(self, change: Callable[[], Change | None]) -> Change | None:
        found = persist(change)
        self._bench.announcer.publish(found)
        return found


def _worse(troubles: Troubles, kind: FailureKind) -> Troubles:
    match kind:
        case FailureKind.TIMEOUT:
            return replace(troubles, timeouts=troubles.timeouts + 1)
        case FailureKind.OUT_OF_MEMORY:
            return replace(troubles, memory_failures=troubles.memory_failures + 1)
        case FailureKind.BAD_IMAGE:
            return replace(troubles, bad_images=troubles.bad_images + 1)
        case _:
            return troubles


def _effective(job: Job, image: GeneratedImage) -> dict[str, Any]:
    """Return the parameters with what Forge really used."""
    used = {"seed": image.seed, "sampler_name": image.sampler_name, "model": image.model}
    return {**job.params, **{name: value for name, value in used.items() if value is not None}}
