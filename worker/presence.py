"""What a worker process does beside its jobs: take over, report, look at an idle Forge."""

import logging
import threading
from collections.abc import Callable

from shared.queues import RECONCILE_TASK, RESCUE_TASK
from shared.store import StoreUnavailable
from shared.wakeups import Bell
from worker.forge import ForgeFailure, ForgeLists
from worker.gate import UNAUTHORIZED, UNREACHABLE, problem_of
from worker.reporter import Reporter
from worker.workbench import Workbench

log = logging.getLogger(__name__)

#: Forge's lists are asked again so often; at every heartbeat while something is wrong
LISTS_EVERY_S = 300.0


class Presence:
    """A thread that tells that this worker lives, and what its Forge offers."""

    def __init__(self, bench: Workbench, reporter: Reporter, bell: Bell) -> None:
        self._bench = bench
        self._reporter = reporter
        self._bell = bell
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Begin: take over what an earlier boot of this node left, then report for ever."""
        self._thread.start()

    def stop(self) -> None:
        """Report no more."""
        self._stopped.set()

    def _run(self) -> None:
        heartbeat_s = self._bench.settings.heartbeat_s
        self._guarded(self._take_over)
        asked_s = LISTS_EVERY_S
        while not self._stopped.is_set():
            if asked_s >= LISTS_EVERY_S or self._reporter.state.problem:
                self._guarded(self._look_at_forge)
                asked_s = 0.0
            self._guarded(self._reporter.tell)
            self._stopped.wait(heartbeat_s)
            asked_s += heartbeat_s

    def _guarded(self, duty: Callable[[], None]) -> None:
        try:
            duty()
        except StoreUnavailable as error:
            log.warning("%s: %s", duty.__name__, error)
        except Exception:
            log.exception("%s broke; the next heartbeat tries again", duty.__name__)

    def _take_over(self) -> None:
        """End at once the leases of earlier boots: their processes are dead."""
        claimant = self._bench.claimant
        left = self._bench.store.expire_leases(worker=claimant.worker, not_boot=claimant.boot_id)
        if left:
            log.warning("an earlier boot of this worker left %d job(s) behind", left)
        self._bell.ring_maintenance(RESCUE_TASK)
        self._bell.ring_maintenance(RECONCILE_TASK)

    def _look_at_forge(self) -> None:
        """Ask an idle Forge for its lists; a failure is told, and counts for nothing."""
        if self._reporter.state.job_id or self._bench.circuit.state().state == "open":
            return
        try:
            lists = self._bench.forge.capabilities()
        except ForgeFailure as failure:
            self._reporter.tell(problem=problem_of(failure))
            return
        self._bench.watchers.allowed = self._previews_allowed(lists)
        problem = self._reporter.state.problem
        gone = problem in (UNREACHABLE, UNAUTHORIZED)
        self._reporter.tell(lists=_offered(lists), demo=lists.demo, problem=None if gone else problem)

    def _previews_allowed(self, lists: ForgeLists) -> bool:
        wanted = self._bench.settings.previews
        return wanted == "on" or (wanted == "auto" and (lists.demo or lists.previews))


def _offered(lists: ForgeLists) -> dict[str, list[object]]:
    return {
        "samplers": list(lists.samplers),
        "schedulers": list(lists.schedulers),
        "models": [{"name": model.name, "title": model.title} for model in lists.models],
    }
