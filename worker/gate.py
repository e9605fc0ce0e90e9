"""Before a claim: may this worker start a generation now?

Nothing is claimed before Forge answered, so no job flickers to `processing` for a Forge
that is away. A generation that a dead worker of ours left running is interrupted; one that
is not ours is waited for, never interrupted.
"""

import logging
import time
from contextlib import suppress

from shared.domain.failures import FailureKind
from shared.domain.fleet import WorkerProblem
from shared.store import Claimant, ForgeLease, Store, StoreUnavailable
from worker import stopping
from worker.breaker import Circuit
from worker.figures import Figures
from worker.forge import ForgeClient, ForgeFailure, ForgeState
from worker.reporter import Reporter
from worker.takeover import Takeover

log = logging.getLogger(__name__)

#: a ghost is waited for in such slices, so that a stop need not wait for it
SLICE_S = 1.0

PROBLEMS = {
    FailureKind.UNAUTHORIZED: WorkerProblem.UNAUTHORIZED,
    FailureKind.POISONED: WorkerProblem.POISONED,
}


class Gate:
    """Decides whether a job may be claimed for this Forge."""

    def __init__(
        self,
        *,
        store: Store,
        forge: ForgeClient,
        circuit: Circuit,
        reporter: Reporter,
        claimant: Claimant,
        takeover: Takeover,
        figures: Figures,
        lease_s: float,
        stop_s: float,
    ) -> None:
        self._store = store
        self._forge = forge
        self._circuit = circuit
        self._reporter = reporter
        self._claimant = claimant
        self._takeover = takeover
        self._figures = figures
        self._lease_s = lease_s
        self._stop_s = stop_s

    def opens(self) -> bool:
        """Whether Forge is ours, answers and is free. Raises StoreUnavailable."""
        self._takeover.ensure()
        lease = self._hold()
        if lease is None:
            self._reporter.tell(problem=WorkerProblem.BUSY_ELSEWHERE)
            return False
        if lease.task_id is not None:  # whoever drove this Forge before did not end well
            self._takeover.rescue()
        if not self._circuit.allow():
            self._reporter.tell()
            return False
        try:
            state = self._forge.preflight()
            free = state.idle or self._clear(lease, state)
        except ForgeFailure as failure:
            self.blame(failure)
            return False
        problem = None if free else WorkerProblem.BUSY_ELSEWHERE
        if self._reporter.state.problem != problem:
            self._reporter.tell(problem=problem)
        return free

    def clear_for_retry(self, given_up: ForgeLease) -> None:
        """Make sure that what we gave up is over before another try.

        Raises ForgeFailure: Forge is away, or still at work on it.
        """
        state = self._forge.preflight()
        if not state.idle and self._is_ours(given_up, state):
            self._end(given_up)

    def blame(self, failure: ForgeFailure) -> None:
        """Count a failure of Forge's and tell what is wrong with it.

        A Forge that answers our look and refuses to draw for us, as by a rule of its proxy's, would refuse the next
        job too, and cost each a claim: the circuit opens at once.
        """
        refuses_us = failure.sent and failure.kind is FailureKind.UNAUTHORIZED
        if refuses_us or not failure.idle_again:
            self._circuit.trip()
        elif failure.counts:
            self._circuit.failure()
        self._figures.failed(failure.kind)
        problem = problem_of(failure)
        news = failure.counts or problem is None or problem != self._reporter.state.problem
        log.log(logging.WARNING if news else logging.DEBUG, "forge %s: %s", self._claimant.forge, failure)
        self._reporter.tell(problem=problem)

    def _clear(self, lease: ForgeLease, state: ForgeState) -> bool:
        """Interrupt a busy Forge if what it draws is ours; return whether it is free now, and still ours."""
        if not self._is_ours(lease, state):
            return False
        self._end(lease)
        return self._hold() is not None

    def _end(self, ghost: ForgeLease) -> None:
        """Interrupt a generation of ours that nobody waits for; raises ForgeFailure unless Forge is idle then.

        It may need as long as a lease lasts, so the lease on the Forge is renewed meanwhile.
        """
        log.warning("interrupting a generation of ours that nobody waits for: %s", ghost.task_id)
        self._forge.interrupt()
        give_up_at = time.monotonic() + self._stop_s
        while not self._forge.wait_idle(min(SLICE_S, self._stop_s)):
            self._forge.preflight()
            with suppress(StoreUnavailable):
                self._hold()
            if time.monotonic() >= give_up_at or stopping.is_overdue():
                raise ForgeFailure(FailureKind.TIMEOUT, "still at work on what we gave up", idle_again=False)

    def _hold(self) -> ForgeLease | None:
        return self._store.hold_forge(self._claimant, lease_s=self._lease_s)

    def _is_ours(self, lease: ForgeLease, state: ForgeState) -> bool:
        if lease.task_id is None:
            return False
        active = self._forge.active_task(lease.task_id)
        if active is not None:
            return active
        return lease.job_timestamp is not None and lease.job_timestamp == state.job_timestamp


def problem_of(failure: ForgeFailure) -> WorkerProblem | None:
    """Return what GET /image/status calls this failure; None: nothing is wrong with Forge."""
    return PROBLEMS.get(failure.kind, WorkerProblem.UNREACHABLE if failure.counts else None)
