"""The stand-in's inside: one lock, one running generation, and the state that /progress tells.

The laws kept from Forge (each is one a client trips over):

* one FIFO lock; a request whose client left is computed all the same;
* job_count is 0 idle, -1 from taking the lock until sampling, then n_iter; end() resets only `job` and
  `job_count`, so every other field is stale while idle; progress is 0 again before the answer is sent;
* interrupt hits what runs now, is forgotten by the next begin(), and cannot stop a model load;
* a failed task stays "active" for ever, because only a success calls finish.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from cli.demo_faults import Faults, Gate, Point
from cli.demo_painter import Picture
from cli.demo_state import MODELS, Aborted, FifoLock, Generation, Pace, State
from cli.demo_witness import Witness

REMEMBERED_TASKS = 16


Work = Callable[["Machine", Generation, int], None]


class Machine:
    """Everything behind the routes: lock, state, tasks, options."""

    def __init__(self, pace: Pace, witness: Witness) -> None:
        self.pace, self.witness = pace, witness
        self.changed = threading.Condition()
        self.faults, self.gate = Faults(), Gate(self.changed)
        self.state = State()
        #: monotonic moments at which the running generation took the lock, and the one before gave it back
        self.started_at = self.free_since = 0.0
        self.model, self.loaded, self.poisoned = MODELS[0], "", ""
        self.pending: dict[str, float] = {}
        self.current_task: str | None = None
        self.finished: deque[str] = deque(maxlen=REMEMBERED_TASKS)
        self.picture: Picture | None = None
        self.epoch = 0
        self.numbers = itertools.count(1)
        self._lock = FifoLock()

    def run(self, generation: Generation, work: Work) -> None:
        """Wait for the lock and do the work; raises what Forge would raise."""
        request, epoch = generation.request, self.epoch
        details = {"prompt": request.prompt, "seed": generation.seed}
        given = request.model_dump(exclude_unset=True, exclude={"prompt", "seed", "force_task_id"})
        self.witness.arrived(generation.number, generation.task, **details, request=given, began=generation.began)
        if generation.task:
            self.pending[generation.task] = time.monotonic()
        try:
            with self._turn(generation, epoch):
                self._do(generation, epoch, work)
        finally:
            self._ended(generation, "aborted")

    def interrupt(self) -> None:
        """Stop what runs now, at its next step; without effect when nothing runs."""
        self.witness.note("interrupt", task=self.current_task if self.state.job_count else None)
        with self.changed:
            self.state.interrupted = True
            self.changed.notify_all()

    def skip(self) -> None:
        """End the current image early."""
        self.witness.note("skip", task=self.current_task)
        with self.changed:
            self.state.skipped = True
            self.changed.notify_all()

    def clear_faults(self) -> None:
        """Forget every fault and let go whoever hangs on one."""
        self.faults.clear()
        self.poisoned = ""
        with self.changed:
            self.changed.notify_all()

    def restart(self) -> None:
        """Forget everything a process forgets when it dies; running generations get no answer."""
        with self.changed:
            self.epoch += 1
            self.loaded = self.poisoned = ""
            self.pending.clear()
            self.finished.clear()
            self.current_task, self.state = None, State()
            self.changed.notify_all()

    def snapshot(self) -> tuple[State, float]:
        """Return a copy of the state and the seconds since the running job began."""
        with self.changed:
            return replace(self.state), time.monotonic() - self.started_at

    def _do(self, generation: Generation, epoch: int, work: Work) -> None:
        """Do the work; its end is written down before Forge looks idle again."""
        outcome = "error"
        try:
            work(self, generation, epoch)
            outcome = "interrupted" if self._stopped_early(generation) else "complete"
        except Aborted:
            outcome = "aborted"
            raise
        finally:
            self._ended(generation, outcome)

    def _ended(self, generation: Generation, outcome: str) -> None:
        gone = generation.client_gone()
        self.witness.ended(generation.number, generation.task, outcome=outcome, client_gone=gone)

    @contextmanager
    def _turn(self, generation: Generation, epoch: int) -> Iterator[None]:
        self._lock.acquire()
        try:
            self._check_alive(epoch)
            self._begin(generation)
            yield
            if generation.task:
                self.finished.append(generation.task)
            self.current_task = None
        finally:
            self._end(epoch)
            self._lock.release()

    def _begin(self, generation: Generation) -> None:
        generation.timestamp = time.strftime("%Y%m%d%H%M%S")
        with self.changed:
            self.state.job, self.state.job_count, self.state.job_no = "scripts_txt2img", -1, 0
            self.state.job_timestamp = generation.timestamp
            self.state.skipped = self.state.interrupted = False
            self.state.sampling_step = 0
            self.started_at = time.monotonic()
            self.current_task, self.picture = generation.task, None
        self.pending.pop(generation.task or "", None)
        self.witness.note("start", task=generation.task, prompt=generation.request.prompt, seed=generation.seed)

    def _end(self, epoch: int) -> None:
        with self.changed:
            if epoch == self.epoch:
                self.state.job, self.state.job_count = "", 0
            self.picture = None
            self.free_since = time.monotonic()

    def _stopped_early(self, generation: Generation) -> bool:
        wanted = (generation.request.n_iter or 1) * (generation.request.batch_size or 1)
        return len(generation.pictures) < wanted or any(share < 1 for _, share in generation.pictures)

    def _check_alive(self, epoch: int) -> None:
        if epoch != self.epoch:
            raise Aborted

    def pause(self, seconds: float | None, epoch: int, until: Callable[[], bool]) -> None:
        """Wait so long (None: for ever), or until `until()`, or until the process 'dies'."""
        with self.changed:
            self.changed.wait_for(lambda: until() or epoch != self.epoch, seconds)
        self._check_alive(epoch)

    def hold(self, point: Point, generation: Generation, epoch: int) -> None:
        """Stop at the gate if it is shut here."""

        def stopped() -> bool:
            return self.state.interrupted or epoch != self.epoch

        self.gate.pass_by(point, generation.number, generation.task, stopped)
        self._check_alive(epoch)
