"""One attempt at one job, from the claim to its end; knows no Celery.

    claim ─▶ try ─▶ answered ─┬─▶ finish (worker.finish): saving ─▶ complete
              │               └─▶ handed over: the next job's request goes out, then this one is finished behind it
              ├─ failure ─▶ decision: retry · put back · fail
              └─ stopped: cancelled · given back (a shutdown, a lease in doubt) · lost

Forge's failures are made decisions by `shared.domain.decisions`; `worker.verdicts` carries them out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

from shared.domain.decisions import Decision, Outcome, Troubles, failure_decision
from shared.domain.errors import ErrorCode
from shared.domain.params import GenerationParams
from shared.store import Change, StoreUnavailable
from worker import stopping
from worker.finish import Finish
from worker.forge import ForgeFailure, GenerationStopped, prepare_generation
from worker.forge_generation import Callbacks, Generation
from worker.lease import Lease
from worker.persistence import persist
from worker.progress import ProgressTeller
from worker.verdicts import Verdicts
from worker.workbench import Ending, StopReason, Workbench

#: claims the next job, if there is one
Follow = Callable[[], "Attempt | None"]


class Attempt:
    """One attempt while it runs: `prepare`, `start`, `run`, and `finish_behind` if it was handed over."""

    def __init__(self, claimed: Change, bench: Workbench) -> None:
        self.claimed = claimed
        self.job = claimed.job
        self._bench = bench
        self._store, settings = bench.store, bench.settings
        self._lease = Lease(
            bench.store, self.job, bench.claimant, lease_s=settings.lease_s, heartbeat_s=settings.heartbeat_s
        )
        self._troubles = Troubles(bad_rounds=self.job.bad_rounds, forge_deaths=self.job.forge_deaths)
        #: Forge may be at work on what we gave up
        self._ghost = False
        announcer, previews, step = bench.announcer, bench.previews, settings.progress_step
        self._teller = ProgressTeller(
            self.job, bench.claimant, store=bench.store, announcer=announcer, previews=previews, step=step
        )
        self._verdicts = Verdicts(self.job, bench)
        self._finish = Finish(self.job, bench, lease=self._lease, teller=self._teller, verdicts=self._verdicts)
        self._follow: Follow = lambda: None
        #: who was claimed to follow; its request goes out when ours is answered
        self._follower: Attempt | None = None
        self._generation: Generation | None = None
        self._unready: Exception | None = None
        self._body: bytes = b""

    def prepare(self) -> None:
        """Make the first try ready to be sent; what is wrong with it is told by `run`."""
        try:
            self._generation = self._ready(self._task_id(1))
        except Exception as error:
            self._unready = error

    def start(self, before: Attempt | None = None) -> None:
        """Send the first try, over the connection that the attempt `before` handed on; keep the lease from now on.

        With the lease in doubt nothing is sent, and `run` gives the job up.
        """
        opened = None if before is None else before._asked().connection()
        if self._lease.in_doubt:
            self._generation, self._unready = None, GenerationStopped(StopReason.LOST, stopped=True)
        if self._generation is not None:
            self._generation.start(opened)
            self._bench.figures.generation_begins(self.job)
        elif opened is not None:
            opened.close()
        self._lease.start()

    def abandon(self) -> None:
        """Give the job back unsent."""
        self._lease.stop()
        self._verdicts.put_back()

    def run(self, follow: Follow) -> Ending | Attempt:
        """Try until there is a picture, a verdict or a reason to stop; return how it ended, or who follows.

        `follow` is asked for the next job when Forge is done with ours. Raises StoreUnavailable when this worker
        has to stop while the database is away.
        """
        self._follow = follow
        numbers = count(1)
        ending = None
        try:
            while ending is None:
                ending = self._one_try(next(numbers))
            if isinstance(ending, Ending) and not self._ghost:
                persist(self._teller.end_tries)
            return ending
        finally:
            if not isinstance(ending, Attempt):
                self._end()

    def finish_behind(self) -> Ending:
        """Finish while the next generation runs; a picture that is none is drawn again, first in line.

        Raises StoreUnavailable when this worker has to stop while the database is away.
        """
        try:
            return self._finish.run(self._asked(), self._body)
        except ForgeFailure as failure:
            self._bench.gate.blame(failure)
            decision = self._decide(failure)
            again = Decision(Outcome.PUT_BACK, bad_rounds=1)
            return self._verdicts.carry_out(again if decision.outcome is Outcome.RETRY else decision)
        finally:
            self._end()

    def fail_internally(self) -> Ending:
        """End the job: it broke us."""
        return self._verdicts.fail(ErrorCode.INTERNAL)

    def _end(self) -> None:
        """Let the picture go now: this attempt and its generation hold each other until the next collection."""
        self._generation, self._body = None, b""
        self._lease.stop()
        self._bench.previews.drop(self.job.job_id)

    def _one_try(self, number: int) -> Ending | Attempt | None:
        """Return how the attempt ended, who follows, or None: try once more."""
        try:
            if number > 1 and not self._begin_again(self._task_id(number)):
                return self._verdicts.give_up()
            self._draw()
            return self._handed_over() or self._finish.run(self._asked(), self._body)
        except GenerationStopped as stopped:
            self._ghost = not stopped.stopped
            return self._stop(StopReason(stopped.reason))
        except ForgeFailure as failure:
            self._ghost = not failure.idle_again or (self._ghost and not failure.gone)
            self._bench.gate.blame(failure)
            return self._carry_out(self._decide(failure))

    def _begin_again(self, task_id: str) -> bool:
        """Send another try; return False when the job is no longer ours."""
        if self._ghost:
            self._bench.gate.clear_for_retry(self._teller.last_try)
            self._ghost = False
        if not persist(lambda: self._teller.begin_try(task_id)) or not persist(self._lease.confirm):
            return False
        self._generation = self._ready(task_id)
        self._generation.start()
        self._bench.figures.generation_begins(self.job)
        return True

    def _draw(self) -> None:
        """Wait for Forge's answer; whoever was claimed meanwhile is given back when there is none."""
        generation, drawn = self._asked(), False
        try:
            self._body = generation.wait()
            drawn = True
        finally:
            self._bench.figures.generation_ended(drawn=drawn)
            if self._follower is not None and not drawn:
                self._follower.abandon()
                self._follower = None
            if self._follower is None and (unused := generation.connection()) is not None:
                unused.close()

    def _handed_over(self) -> Attempt | None:
        """Let go of who follows: attempts that held each other would hold all their pictures."""
        follower, self._follower = self._follower, None
        return follower

    def _asked(self) -> Generation:
        if self._generation is None:
            raise self._unready or RuntimeError("the attempt was not prepared")
        return self._generation

    def _ready(self, task_id: str) -> Generation:
        params = GenerationParams(prompt=self.job.prompt, **self.job.params)
        callbacks = Callbacks(
            on_progress=lambda found: self._teller.tell(found, task_id=task_id),
            should_stop=self._reason_to_stop,
            previews=lambda: self._bench.watchers.of(self.job),
            on_answered=self._on_answered,
        )
        forge, limits = self._bench.forge, self._bench.limits
        return prepare_generation(forge, params, task_id=task_id, callbacks=callbacks, limits=limits, hands_on=True)

    def _on_answered(self) -> None:
        """Have the next job claimed, unless we stop, or this one has met trouble that its picture may repeat."""
        doubtful = self._lease.in_doubt or self._troubles.bad_rounds or self._troubles.bad_images
        if not doubtful and not stopping.is_stopping():
            self._follower = self._follow()
        if self._follower is not None:
            self._lease.keep_too(self._follower._lease)

    def _task_id(self, number: int) -> str:
        return f"{self.job.job_id}-{self.job.attempt}-{number}"

    def _reason_to_stop(self) -> StopReason | None:
        if self._lease.in_doubt:
            return StopReason.LOST
        if stopping.is_overdue():
            return StopReason.SHUTDOWN
        try:
            found = self._store.look(self.job)
        except StoreUnavailable:
            return None
        if found is None:
            return StopReason.LOST
        return StopReason.CANCELLED if found.cancel_requested else None

    def _decide(self, failure: ForgeFailure) -> Decision:
        settings = self._bench.settings
        decision = failure_decision(
            failure.kind,
            self._troubles,
            retry_delays_s=tuple(settings.forge_retry_delays_s),
            timeout_s=settings.forge_timeout_s,
            died_generating=failure.died,
        )
        self._troubles = self._troubles.after(failure.kind)
        return decision

    def _carry_out(self, decision: Decision) -> Ending | None:
        if decision.outcome is Outcome.RETRY:
            return self._wait_for_retry(decision.delay_s)
        return self._verdicts.carry_out(decision)

    def _wait_for_retry(self, delay_s: float) -> Ending | None:
        until = time.monotonic() + delay_s
        while (left_s := until - time.monotonic()) > 0:
            reason = self._reason_to_stop()
            if reason is not None:
                return self._stop(reason)
            time.sleep(min(left_s, self._bench.settings.progress_poll_s))
        return None

    def _stop(self, reason: StopReason) -> Ending:
        if reason is StopReason.SHUTDOWN:
            return self._verdicts.put_back()
        if self._ghost:
            self._bench.circuit.trip()
        return self._verdicts.give_up() if reason is StopReason.LOST else self._verdicts.cancel()
