"""The right to work a job, renewed on a timer of its own.

A frozen Redis or Forge cannot delay the heartbeat. A worker that could not renew for
almost a whole lease fences itself: it stops before another worker may begin.
"""

import logging
import threading
import time

from shared.domain.jobs import Job
from shared.store import Claimant, Store, StoreUnavailable

log = logging.getLogger(__name__)


class Lease:
    """Renews the leases on a job and on its Forge between `start` and `stop`."""

    def __init__(self, store: Store, job: Job, claimant: Claimant, *, lease_s: float, heartbeat_s: float) -> None:
        self._store = store
        self._job = job
        self._claimant = claimant
        self._lease_s = lease_s
        self._heartbeat_s = heartbeat_s
        self._renewed_at = time.monotonic()
        self._gone = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Renew from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Renew no more."""
        self._ended.set()

    @property
    def gone(self) -> bool:
        """Whether the job, or our right to its Forge, is someone else's by now."""
        return self._gone

    @property
    def unsure(self) -> bool:
        """Whether it could be someone else's before we learn of it: not renewed for almost a lease."""
        return time.monotonic() - self._renewed_at > self._lease_s - self._heartbeat_s / 2

    def confirm(self) -> bool:
        """Renew now, if there is any doubt; return whether the job is still ours. Raises StoreUnavailable."""
        if self.unsure and not self._gone:
            self._renew()
        return not self._gone

    def _keep(self) -> None:
        while not self._ended.wait(self._heartbeat_s):
            try:
                self._renew()
            except StoreUnavailable as error:
                log.warning("the lease of job %s was not renewed: %s", self._job.job_id, error)
            except Exception:
                log.exception("the lease of job %s was not renewed", self._job.job_id)

    def _renew(self) -> None:
        asked_at = time.monotonic()
        ours = self._store.renew_lease(self._job, lease_s=self._lease_s)
        forge = self._store.hold_forge(self._claimant, lease_s=self._lease_s) if ours else None
        if forge is None:
            self._gone = True
        else:
            self._renewed_at = asked_at
