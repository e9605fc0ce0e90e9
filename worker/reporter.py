"""What this worker tells about itself: its Forge, its circuit, its problem, its job.

The row is written at every heartbeat and at every change; who reads it counts a worker as
live while it was seen within a lease.
"""

import logging
import threading
from dataclasses import replace
from typing import Any

from shared.announcer import Announcer
from shared.store import Claimant, Store, StoreUnavailable, WorkerState
from worker.breaker import Circuit

log = logging.getLogger(__name__)


class Reporter:
    """Keeps the worker's row; `tell` may be called from any thread."""

    def __init__(self, store: Store, announcer: Announcer, circuit: Circuit, claimant: Claimant) -> None:
        self._store = store
        self._announcer = announcer
        self._circuit = circuit
        self._claimant = claimant
        self._lock = threading.Lock()
        self._state = WorkerState(name=claimant.worker, boot_id=claimant.boot_id, forge=claimant.forge)
        self._told: WorkerState | None = None

    @property
    def state(self) -> WorkerState:
        """What was last known."""
        return self._state

    def tell(self, **changes: Any) -> None:
        """Write the worker's row with `changes`; tell everyone when the line may be held now."""
        with self._lock:
            circuit = self._circuit.state()
            self._state = replace(
                self._state,
                circuit=circuit.state,
                failures=circuit.failures,
                retry_at=circuit.retry_at,
                **changes,
            )
            told, self._told = self._told, self._state
            try:
                self._store.report_worker(self._state)
            except StoreUnavailable as error:
                log.warning("the worker's state was not written: %s", error)
                return
        if told is None or (told.circuit, told.retry_at) != (circuit.state, circuit.retry_at):
            self._announcer.line_moved()

    def forget(self) -> None:
        """Take the row away: this worker stops."""
        try:
            self._store.forget_worker(self._claimant.worker, self._claimant.boot_id)
            self._announcer.line_moved()
        except StoreUnavailable as error:
            log.warning("the worker's row was not removed: %s", error)
