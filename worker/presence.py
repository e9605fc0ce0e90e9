"""What a worker process does beside its jobs: take over, report, look at an idle Forge."""

import logging
import threading
from collections.abc import Callable

from shared.domain.fleet import CircuitState, WorkerProblem
from shared.store import StoreUnavailable
from shared.wakeups import Bell
from worker import stopping
from worker.forge import ForgeFailure, ForgeLists
from worker.gate import problem_of
from worker.reporter import Reporter
from worker.takeover import Takeover
from worker.workbench import Workbench

log = logging.getLogger(__name__)

#: Forge's lists are asked again so often; at every heartbeat while something is wrong
LISTS_EVERY_S = 300.0
GOODBYE_S = 2.0


class Presence:
    """A thread that tells that this worker lives, and what its Forge offers."""

    def __init__(self, bench: Workbench, *, reporter: Reporter, bell: Bell, takeover: Takeover) -> None:
        self._bench = bench
        self._reporter = reporter
        self._bell = bell
        self._takeover = takeover
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Begin: take over what an earlier boot of this node left, then report for ever."""
        self._thread.start()

    def stop(self) -> None:
        """Report no more; the thread is waited for a moment."""
        self._stopped.set()
        self._thread.join(GOODBYE_S)

    def ring_if_unheard(self) -> None:
        """Wake ourselves up when jobs wait and the broker holds no wake-up: it was lost."""
        if self._bell.unheard() == 0 and self._bench.store.work_waits():
            self._bell.ring("unheard")

    def _run(self) -> None:
        heartbeat_s = self._bench.settings.heartbeat_s
        asked_s = LISTS_EVERY_S
        while not self._stopped.is_set():
            self._guarded(self._takeover.ensure)
            if asked_s >= LISTS_EVERY_S or self._reporter.state.problem:
                self._guarded(self._look_at_forge)
                asked_s = 0.0
            self._guarded(self._reporter.tell)
            self._guarded(self._write_figures)
            self._guarded(self._listen_for_work)
            self._stopped.wait(heartbeat_s)
            asked_s += heartbeat_s

    def _guarded(self, duty: Callable[[], None]) -> None:
        try:
            duty()
        except StoreUnavailable as error:
            log.warning("%s: %s", duty.__name__, error)
        except Exception:
            log.exception("%s broke; the next heartbeat tries again", duty.__name__)

    def _listen_for_work(self) -> None:
        if self._reporter.state.job_id is None and not stopping.is_stopping():
            self.ring_if_unheard()

    def _write_figures(self) -> None:
        """Let `/metrics` see what this worker counted."""
        claimant = self._bench.claimant
        self._bench.store.write_figures(claimant.worker, claimant.boot_id, self._bench.figures.text())

    def _look_at_forge(self) -> None:
        """Ask an idle Forge for its lists; a failure is told, and counts for nothing."""
        if self._reporter.state.job_id or self._bench.circuit.state().state is CircuitState.OPEN:
            return
        try:
            lists = self._bench.forge.capabilities()
        except ForgeFailure as failure:
            self._reporter.tell(problem=problem_of(failure))
            return
        self._bench.watchers.allowed = self._previews_allowed(lists)
        problem = self._reporter.state.problem
        gone = problem in (WorkerProblem.UNREACHABLE, WorkerProblem.UNAUTHORIZED)
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
