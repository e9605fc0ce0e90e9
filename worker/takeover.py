"""What an earlier boot of this node left behind, and what this one may have left by accident.

A child that was killed is replaced within a second, a main process by whoever supervises
it. The newcomer ends the leases of the dead at once, so nobody waits for them to run out,
and puts their jobs back itself before it claims: else it would take what waited behind them. So it is too when the
database has just begun, as after a restart of the machine.
A boot whose process lives (a second worker of the same name, an old one that still drains)
keeps what it holds.
"""

import logging
import threading
from collections.abc import Collection

from shared.announcer import Announcer
from shared.queues import RECONCILE_TASK, RESCUE_TASK
from shared.store import Claimant, Store
from shared.wakeups import Bell
from worker.boots import is_dead

log = logging.getLogger(__name__)


class Takeover:
    """Ends the leases of dead boots once, when the database is there; any thread may ask."""

    def __init__(
        self,
        store: Store,
        *,
        announcer: Announcer,
        bell: Bell,
        claimant: Claimant,
        max_attempts: int,
        heartbeat_s: float,
    ) -> None:
        self._max_attempts = max_attempts
        self._heartbeat_s = heartbeat_s
        self._store = store
        self._announcer = announcer
        self._bell = bell
        self._claimant = claimant
        self._lock = threading.Lock()
        self._done = False
        #: a claim may have been committed without our hearing of it
        self.unsure = False

    def ensure(self) -> None:
        """Take over, unless it was done. Raises StoreUnavailable."""
        with self._lock:
            if not self._done:
                self._take_over()
                self._done = True

    def rescue(self, dead: Collection[str] = ()) -> None:
        """Carry out what the clock would at its next round: orphaned jobs go first. Raises StoreUnavailable."""
        rescued = self._store.rescue_orphans(max_attempts=self._max_attempts, heartbeat_s=self._heartbeat_s, dead=dead)
        for one in rescued:
            log.warning("job %s: its worker died, %s", one.change.job.job_id, one.decision.outcome)
            self._announcer.publish(one.change)

    def give_back_unheard(self) -> None:
        """Put back what this boot holds and does not work. Raises StoreUnavailable."""
        if not self.unsure:
            return
        for job in self._store.jobs_of_boot(self._claimant.boot_id):
            log.warning("job %s: claimed without our hearing of it", job.job_id)
            self._announcer.publish(self._store.put_back(job) or self._store.finish_cancel(job))
        self.unsure = False

    def _take_over(self) -> None:
        worker, boot_id = self._claimant.worker, self._claimant.boot_id
        dead = {boot for boot in self._store.boots_of(worker) - {boot_id} if is_dead(boot)}
        left = self._store.expire_leases(dead) if dead else 0
        if left:
            log.warning("an earlier boot of this worker left %d job(s) behind", left)
            self.rescue(dead)
        self._bell.ring_maintenance(RESCUE_TASK)
        self._bell.ring_maintenance(RECONCILE_TASK)
