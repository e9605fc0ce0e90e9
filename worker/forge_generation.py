"""One generation from its POST to the answer's last byte: what it tells, and when we give up.

The caller's thread waits for whichever comes first: the answer, a sample, or the next moment to look (the threads
are in `worker.forge_request`). It runs all callbacks, so they need no locks of their own; `on_answered()` runs when
Forge is done, while the picture itself still comes in.

The POST's answer is the only truth about success; a poll that fails means nothing. Forge is never left generating
for a request we gave up: interrupt, but only while it is our own task that runs (an interrupt hits whatever runs),
keep the POST open, throw its answer away, and say so when Forge did not stop in time.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.domain.failures import FailureKind
from shared.domain.params import MAX_SEED, GenerationParams
from worker.forge_answer import GeneratedImage, read_answer
from worker.forge_failure import NOT_PASSED_ON, ForgeFailure, GenerationStopped
from worker.forge_progress import ForgeProgress, Sample, Tracker
from worker.forge_request import Limits, Mark, Request

if TYPE_CHECKING:
    from worker.forge import ForgeClient
    from worker.forge_wire import Exchange

#: How often we look while we wait for Forge to end what was interrupted.
STOP_POLL_S = 0.25
#: What the state of our task means while Forge works on something; a Forge that cannot tell works on ours.
_RUNNING: dict[str | None, bool | None] = {
    None: True,
    "active": True,
    "queued": None,
    "completed": False,
    "unknown": False,
}


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the caller wants to hear and say; all of it runs in the caller's thread."""

    on_progress: Callable[[ForgeProgress], None]
    should_stop: Callable[[], str | None]
    previews: Callable[[], bool] = lambda: False
    on_answered: Callable[[], None] = lambda: None


class Generation:
    """One try at one image: `start`, then `wait`."""

    def __init__(
        self,
        client: ForgeClient,
        params: GenerationParams,
        *,
        task_id: str,
        callbacks: Callbacks,
        limits: Limits,
        hands_on: bool = False,
    ) -> None:
        self._client, self._params, self._task_id = client, params, task_id
        self._callbacks, self._limits = callbacks, limits
        self._seed = params.seed if params.seed >= 0 else secrets.randbelow(MAX_SEED + 1)
        self._request = Request(client, self._body(), limits, hands_on=hands_on)
        self._tracker = Tracker()
        #: our task was seen running; somebody else pressed Interrupt
        self._ours = self._stopped_elsewhere = False
        #: nobody listens at Forge's address any more
        self._gone = False
        #: when our generation began, by Forge's clock, once it was seen
        self._timestamp: str | None = None
        self._loading = False
        self._began = self._moved = time.monotonic()

    def start(self, opened: Exchange | None = None) -> None:
        """Send the request, over a connection that another generation handed on if there is one."""
        self._request.send(opened)
        self._began = self._moved = time.monotonic()

    def wait(self) -> bytes:
        """Return the body of the 200; raises ForgeFailure or GenerationStopped, and whatever a callback raises."""
        try:
            self._request.with_preview = self._callbacks.previews()
            return self._answer()
        except (ForgeFailure, GenerationStopped):
            raise
        except BaseException:
            self._interrupt_ours()
            raise
        finally:
            self._request.look_no_more()

    def connection(self) -> Exchange | None:
        """Return the connection for the next generation, if this one `hands_on` its own; the taker closes it."""
        return self._request.connection()

    def image(self, body: bytes) -> GeneratedImage:
        """Return the picture in what `wait` returned; raises ForgeFailure."""
        return read_answer(body, self._params, seed=self._seed)

    def _answer(self) -> bytes:
        """Wait for the body of the 200, minding samples, stop requests and silence."""
        while True:
            item = self._request.next(self._limits.poll_s)
            if isinstance(item, bytes):
                self._refuse_half_a_picture()
                return item
            if isinstance(item, BaseException):
                raise self._settled(item)
            if item is Mark.ANSWERED:
                self._callbacks.on_answered()
                continue
            if isinstance(item, Sample):
                self._look_at(item)
            self._mind_stop()
            self._mind_silence()

    def _mind_stop(self) -> None:
        reason = self._callbacks.should_stop()
        if reason is not None:
            within_s = self._limits.stop_within_s.get(reason, self._limits.stop_s)
            raise GenerationStopped(reason, stopped=self._end_ours(within_s))

    def _refuse_half_a_picture(self) -> None:
        """Refuse what somebody interrupted at Forge's own page: Forge tells it in its state alone."""
        last = self._request.last_look()
        if last is not None and last.idle and self._timestamp in (None, last.job_timestamp):
            self._stopped_elsewhere = last.interrupted or last.skipped
        if self._stopped_elsewhere:
            raise ForgeFailure(FailureKind.BAD_IMAGE, "interrupted by somebody else", sent=True)

    def _look_at(self, sample: Sample) -> None:
        ours = not sample.idle and self._is_ours()
        progress = self._tracker.read(sample, ours=ours)
        if progress is None:
            return
        self._loading = sample.job_count < 0
        if ours:
            self._timestamp = sample.job_timestamp
        self._stopped_elsewhere = ours and (sample.interrupted or sample.skipped)
        if progress.alive:
            self._moved = time.monotonic()
        self._callbacks.on_progress(progress)
        self._request.with_preview = self._callbacks.previews()

    def _is_ours(self) -> bool:
        """Tell whether our own task is what runs now; a Forge that cannot tell has been idle before it was asked."""
        if not self._ours:
            self._ours = self._client.active_task(self._task_id) is not False
        return self._ours

    def _mind_silence(self) -> None:
        now = time.monotonic()
        patience_s = self._limits.load_timeout_s if self._loading else self._limits.timeout_s
        if now - self._moved < patience_s and now - self._began < self._limits.max_s:
            return
        detail = f"no sign of life for {now - self._moved:.1f} s, {now - self._began:.1f} s in all"
        raise ForgeFailure(FailureKind.TIMEOUT, detail, sent=True, idle_again=self._end_ours())

    def _settled(self, error: BaseException) -> BaseException:
        """Return a failed POST's error; with its answer lost Forge may go on, so it is stopped first."""
        if self._request.lost and isinstance(error, ForgeFailure):
            error.idle_again = self._never_came(error) or self._end_ours()
            error.died = self._ours or (self._gone and error.status is None)
        return error

    def _never_came(self, error: ForgeFailure) -> bool:
        """Tell whether Forge never got it: ours was not seen running, and who answered for Forge refuses all."""
        if self._ours or error.status not in NOT_PASSED_ON:
            return False
        try:
            self._client.progress()
        except ForgeFailure as still:
            return still.kind is FailureKind.UNREACHABLE and still.status is not None
        return False

    def _end_ours(self, within_s: float | None = None) -> bool:
        """Make Forge stop working for us; tell whether it did, within `stop_s` or so many seconds."""
        self._request.look_no_more()
        deadline = time.monotonic() + (self._limits.stop_s if within_s is None else within_s)
        while not self._request.ended:
            running = self._interrupt_ours()
            left_s = deadline - time.monotonic()
            if left_s <= 0 or (self._request.lost and running is False):
                return running is False
            self._request.next(min(STOP_POLL_S, left_s))
        return True

    def _interrupt_ours(self) -> bool | None:
        """Interrupt Forge if it works on our task.

        Return True if it did, False if our task is over, None if it still waits there or that could not be learnt.
        """
        try:
            sample = self._client.progress()
            if sample.idle:
                return False
            state = self._client.task_state(self._task_id)
            if state is None and self._timestamp not in (None, sample.job_timestamp):
                return False  # it cannot tell whose it is, but this one began later
            if state in (None, "active") and not sample.interrupted:
                self._client.interrupt()
        except ForgeFailure as failure:
            self._gone = failure.gone
            return False if failure.gone else None
        return _RUNNING[state]

    def _body(self) -> dict[str, Any]:
        """Name everything: what is left out gets Forge's own defaults, 50 steps for one."""
        asked = self._params.model_dump(exclude={"model", "seed"})
        overrides = dict(self._client.override_settings)
        if self._params.model:
            overrides["sd_model_checkpoint"] = self._params.model
        return asked | {
            "seed": self._seed,
            "batch_size": 1,
            "n_iter": 1,
            "send_images": True,
            "save_images": False,
            "override_settings": overrides,
            "force_task_id": self._task_id,
        }
