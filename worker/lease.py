"""The right to work a job, renewed on a timer of its own.

A frozen Redis or Forge cannot delay the heartbeat. A worker that could not renew for
almost a whole lease fences itself: it stops before another worker may begin. The lease of who
was claimed to follow is renewed on the same timer until it has one of its own: a timer takes
time to start, and the GPU would wait for it.
"""

from __future__ import annotations

import logging
import threading
import time

from shared.domain.jobs import Job
from shared.store import Claimant, Store, StoreUnavailable

log = logging.getLogger(__name__)


class Lease:
    """Renews the leases on a job and on its Forge between `start` and `stop`; before, by the one it was left to."""

    def __init__(self, store: Store, job: Job, claimant: Claimant, *, lease_s: float, heartbeat_s: float) -> None:
        self._store = store
        self._job = job
        self._claimant = claimant
        self._lease_s = lease_s
        self._heartbeat_s = heartbeat_s
        self._renewed_at = time.monotonic()
        self._gone = False
        self._follower: Lease | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Renew from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Renew no more."""
        self._ended.set()

    def keep_too(self, follower: Lease) -> None:
        """Renew another one, too, until it is started or stopped."""
        self._follower = follower

    @property
    def in_doubt(self) -> bool:
        """Whether the job may be someone else's."""
        return self.gone or self.unsure

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
            self._renew_or_tell()
            if self._follower is not None and self._follower._waits:
                self._follower._renew_or_tell()

    @property
    def _waits(self) -> bool:
        return not self._thread.is_alive() and not self._ended.is_set()

    def _renew_or_tell(self) -> None:
        try:
            self._renew()
        except StoreUnavailable as error:
            log.warning("the lease of job %s was not renewed: %s", self._job.job_id, error)
        except Exception:
            log.exception("the lease of job %s was not renewed", self._job.job_id)

    def _renew(self) -> None:
        asked_at = time.monotonic()
        ours = self._store.renew_lease(self._job, lease_s=self._lease_s)
        if self._ended.is_set():
            return  # the job ended meanwhile: whoever comes next may have this Forge at once
        forge = self._store.hold_forge(self._claimant, lease_s=self._lease_s) if ours else None
        if forge is None:
            self._gone = True
        else:
            self._renewed_at = asked_at
