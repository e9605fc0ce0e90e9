"""Jobs worked one after the other without a gap: the hand-over.

    A: request ──▶ Forge draws ──▶ 200 begins ──▶ picture comes in ──▶ finish (checked, stored, complete)
    B:                               claim, a last look ──────────▶ request ──▶ Forge draws ──▶ …

Between two generations lie only the claim, which runs while A's picture still comes in, and the sending of B's
request on the connection of the last look at A. A is finished by a thread behind, while the GPU draws B. No job is
claimed before Forge is done with the one before, so order and priority hold as if they were worked in turn.
"""

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor

from shared import heap
from shared.store import StoreUnavailable
from worker.attempt import Attempt
from worker.reporter import Reporter
from worker.takeover import Takeover
from worker.workbench import Ending, Workbench

log = logging.getLogger(__name__)

#: a row ends after so long, and Celery has its say
ROW_S = 600.0
#: so many pictures may wait to be stored; then the next job is claimed only when this one is
MOST_BEHIND = 2


class Row:
    """Claims and works jobs until none is left, or one ended otherwise than by an answer of Forge's."""

    def __init__(self, bench: Workbench, *, reporter: Reporter, takeover: Takeover) -> None:
        self._bench = bench
        self._reporter = reporter
        self._takeover = takeover
        self._behind = ThreadPoolExecutor(max_workers=1, thread_name_prefix="finish")
        self._finishing: list[Future[None]] = []
        self._until = 0.0
        #: a claim of this row failed, so it may have been committed all the same
        self._unheard = False

    def claim(self) -> Attempt | None:
        """Claim the first waiting job and make its request ready. Raises StoreUnavailable."""
        before, self._takeover.unsure = self._takeover.unsure, True
        settings = self._bench.settings
        claimed = self._bench.store.claim(self._bench.claimant, lease_s=settings.lease_s, fair=settings.fair_share)
        if claimed is None:
            self._takeover.unsure = before
            return None
        attempt = Attempt(claimed, self._bench)
        attempt.prepare()
        return attempt

    def work(self, attempt: Attempt) -> Ending:
        """Work a claimed job and those that follow it; return how the last one ended.

        Raises StoreUnavailable when this worker has to stop while the database is away.
        """
        self._until, self._unheard = time.monotonic() + ROW_S, False
        try:
            ending = self._one_after_the_other(attempt)
        finally:
            self._reporter.tell(job_id=None)
            self._wait_until_finished()
            heap.give_back()
        self._takeover.unsure = self._unheard
        return ending

    def _one_after_the_other(self, attempt: Attempt) -> Ending:
        attempt.start()
        while True:
            self._bench.announcer.publish(attempt.claimed)
            self._bench.task_events.started(attempt.job)
            self._reporter.tell(job_id=attempt.job.job_id)
            found = self._run(attempt)
            if isinstance(found, Ending):
                self._bench.figures.attempt_ended(found.value)
                return found
            found.start(before=attempt)
            self._finishing.append(self._behind.submit(self._finish, attempt))
            attempt = found

    def _run(self, attempt: Attempt) -> Ending | Attempt:
        try:
            return attempt.run(self._follow)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("job %s: the attempt broke", attempt.job.job_id)
            return attempt.fail_internally()

    def _follow(self) -> Attempt | None:
        """Return who comes next, if a hand-over is possible now."""
        self._finishing = [each for each in self._finishing if not (each.done() and each.exception() is None)]
        if len(self._finishing) >= MOST_BEHIND or time.monotonic() > self._until:
            return None
        try:
            return self.claim()
        except StoreUnavailable as error:
            log.warning("nobody follows, the database is away: %s", error)
        except Exception:
            log.exception("nobody follows: the claim broke")
        self._unheard = True
        return None

    def _finish(self, attempt: Attempt) -> None:
        try:
            ending = attempt.finish_behind()
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("job %s: the attempt broke", attempt.job.job_id)
            ending = attempt.fail_internally()
        self._bench.figures.attempt_ended(ending.value)

    def _wait_until_finished(self) -> None:
        finishing, self._finishing = self._finishing, []
        for each in finishing:
            each.result()
