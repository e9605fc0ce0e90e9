"""What becomes of an attempt's job: each a fenced write that waits for a database that is away, then its event."""

import logging
from collections.abc import Callable
from typing import Any

from shared.domain.decisions import Decision, Outcome
from shared.domain.errors import TEMPORARY, ErrorCode
from shared.domain.jobs import Job
from shared.store import Change
from worker.persistence import persist
from worker.workbench import Ending, Workbench

log = logging.getLogger(__name__)

#: back to its place, and no counter is raised
UNHARMED = Decision(Outcome.PUT_BACK)


class Verdicts:
    """The ends of one attempt; all raise StoreUnavailable when this worker has to stop first."""

    def __init__(self, job: Job, bench: Workbench) -> None:
        self._job = job
        self._store = bench.store
        self._bench = bench

    def complete(self, name: str, params: dict[str, Any]) -> Ending:
        """End the job with its stored picture, unless it is no longer ours: then nobody will ask for the picture."""
        if self._publish(lambda: self._store.complete(self._job, image_name=name, params=params)) is not None:
            return Ending.DONE
        row = persist(lambda: self._store.job(self._job.job_id))
        if row is not None and row.image_name == name:  # it was us, and we did not hear of it
            self._tell(Change(row))
            return Ending.DONE
        self._bench.saver.discard(name)
        return Ending.LOST

    def fail(self, code: ErrorCode, **text_params: object) -> Ending:
        """End the job in error; a cancel asked for meanwhile ends it instead."""
        retryable = code in TEMPORARY
        if self._publish(lambda: self._store.fail(self._job, code, retryable=retryable, **text_params)) is None:
            return self.cancel()
        return Ending.DONE

    def cancel(self) -> Ending:
        """End the job as its owner asked."""
        self._publish(lambda: self._store.finish_cancel(self._job))
        return Ending.DONE

    def put_back(self, decision: Decision = UNHARMED) -> Ending:
        """Return the job to its place; a cancel asked for meanwhile ends it instead."""
        raised = {"bad_rounds": decision.bad_rounds, "forge_deaths": decision.forge_deaths}
        if self._publish(lambda: self._store.put_back(self._job, **raised)) is not None:
            return Ending.PUT_BACK
        ended = self._publish(lambda: self._store.finish_cancel(self._job))
        return Ending.LOST if ended is None else Ending.DONE

    def give_up(self) -> Ending:
        """Leave the job to others; if nobody took it, it goes back to its place and no death is counted."""
        log.warning("job %s: attempt %d is given up, its lease is lost", self._job.job_id, self._job.attempt)
        return self.put_back()

    def carry_out(self, decision: Decision) -> Ending:
        """Do what was decided of a failure; a retry is the caller's."""
        if decision.outcome is Outcome.PUT_BACK:
            return self.put_back(decision)
        return self.fail(decision.code or ErrorCode.INTERNAL, **decision.text_params)

    def _publish(self, change: Callable[[], Change | None]) -> Change | None:
        found = persist(change)
        if found is not None:
            self._tell(found)
        return found

    def _tell(self, change: Change) -> None:
        self._bench.announcer.publish(change)
        if change.job.terminal:
            self._bench.task_events.ended(change.job)
        else:
            self._bench.task_events.retried(change.job)
