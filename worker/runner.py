"""One worker process: what a wake-up sets in motion, and what the process tells of itself.

wake-up ─▶ gate (lease on the Forge, circuit, pre-flight) ─▶ claim ─▶ row of attempts (worker.row)
             └─ closed: hand the wake-up back for a healthy worker, then wait

No wake-up is dropped while a job waits, and none is needed more than once a heartbeat: a
worker that ends a job, or idles, rings itself when the broker is empty and the line is not.
"""

import logging

from shared.store import StoreUnavailable
from shared.wakeups import Bell
from worker import stopping
from worker.presence import Presence
from worker.reporter import Reporter
from worker.row import Row
from worker.takeover import Takeover
from worker.workbench import Ending, Workbench

log = logging.getLogger(__name__)

#: a wake-up that finds the gate closed waits so long before it lets go
HOLD_S = 1.0


class Runner:
    """What one worker process does, made by `worker.composition` after the fork."""

    def __init__(
        self, bench: Workbench, *, reporter: Reporter, presence: Presence, takeover: Takeover, bell: Bell
    ) -> None:
        self.bench = bench
        self.bell = bell
        self.takeover = takeover
        self._store = bench.store
        self._reporter = reporter
        self._row = Row(bench, reporter=reporter, takeover=takeover)
        self._presence = presence

    def start(self) -> None:
        """Take over from an earlier boot of this node, and begin to tell that we live."""
        self._presence.start()

    def close(self) -> None:
        """Say goodbye: another worker may have this Forge at once."""
        self._presence.stop()
        self._reporter.forget()
        try:
            self._store.release_forge(self.bench.claimant)
        except StoreUnavailable as error:
            log.warning("the lease on the forge was not released: %s", error)
        self._store.close()

    def wake_up(self) -> None:
        """Work jobs until none waits; a closed gate hands the wake-up back."""
        if stopping.is_stopping():
            self.bell.ring("stopping")
            return
        with stopping.at_work():
            try:
                self._serve()
            except StoreUnavailable as error:
                log.warning("the database is away: %s", error)
                self._hand_back()

    def _serve(self) -> None:
        self.takeover.give_back_unheard()
        if not self._store.work_waits():
            self.bench.figures.idle()
            return
        attempt = self._row.claim() if self.bench.gate.opens() else None
        if attempt is None:
            self.bench.figures.idle()
            self._hand_back()
            return
        ending = self._row.work(attempt)
        self.takeover.give_back_unheard()
        if ending is Ending.PUT_BACK:
            self._hand_back()
        else:
            self._presence.ring_if_unheard()

    def _hand_back(self) -> None:
        """Give the wake-up to a healthy worker, then let some time pass without it."""
        self.bell.ring("held")
        stopping.wait_unless_stopping(HOLD_S)
