"""One generation from its POST to its image: who waits for what, and when we give up.

    caller's thread   waits for whichever comes first: the answer, a sample, or the next moment to look;
                      runs on_progress() and should_stop(); so the callbacks need no locks of their own
    post thread       sends the POST and waits for its answer, which wakes the caller at once
    poll thread       asks /progress: early first, then every `poll_s`; a poll that hangs delays nobody

The POST's answer is the only truth about success; a poll that fails means nothing. Forge is never left generating
for a request we gave up: interrupt, but only while it is our own task that runs (an interrupt hits whatever runs),
keep the POST open, throw its answer away, and say so when Forge did not stop in time.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shared.domain.failures import FailureKind
from shared.domain.params import MAX_SEED, GenerationParams
from worker.forge_answer import GeneratedImage, read_answer
from worker.forge_failure import ForgeFailure, GenerationStopped
from worker.forge_preview import small_jpeg
from worker.forge_progress import ForgeProgress, Sample, Tracker

if TYPE_CHECKING:
    from worker.forge import ForgeClient

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
class Limits:
    """How long things may take, in seconds: FORGE_TIMEOUT_S, FORGE_LOAD_TIMEOUT_S, FORGE_MAX_S, PROGRESS_POLL_S.

    `stop_s`: how long Forge has to end what was interrupted; `stop_within_s`: less, for some reasons to stop.
    """

    timeout_s: float = 180
    load_timeout_s: float = 600
    max_s: float = 3600
    poll_s: float = 1
    stop_s: float = 30
    first_poll_s: float = 0.05
    stop_within_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the caller wants to hear and say; all of it runs in the caller's thread."""

    on_progress: Callable[[ForgeProgress], None]
    should_stop: Callable[[], str | None]
    previews: Callable[[], bool]


class Generation:
    """One try at one image."""

    def __init__(
        self, client: ForgeClient, params: GenerationParams, *, task_id: str, callbacks: Callbacks, limits: Limits
    ) -> None:
        self._client, self._params, self._task_id = client, params, task_id
        self._callbacks, self._limits = callbacks, limits
        self._seed = params.seed if params.seed >= 0 else secrets.randbelow(MAX_SEED + 1)
        self._inbox: queue.SimpleQueue[bytes | BaseException | Sample] = queue.SimpleQueue()
        self._over = threading.Event()
        self._tracker = Tracker(params.steps)
        self._with_preview = False
        #: our task was seen running; the POST is over; its connection was lost; somebody else pressed Interrupt
        self._ours = self._ended = self._lost = self._stopped_elsewhere = False
        #: nobody listens at Forge's address any more
        self._gone = False
        #: when our generation began, by Forge's clock, once it was seen
        self._timestamp: str | None = None
        self._loading = False
        self._began = self._moved = time.monotonic()

    def run(self) -> GeneratedImage:
        """Return the image; raises ForgeFailure or GenerationStopped, and whatever a callback raises."""
        self._with_preview = self._callbacks.previews()
        self._began = self._moved = time.monotonic()
        for name, work in (("post", self._post), ("poll", self._poll)):
            threading.Thread(target=work, name=f"forge-{name}", daemon=True).start()
        try:
            image = read_answer(self._answer(), self._params, seed=self._seed)
            self._check_whole(image)
            return image
        except (ForgeFailure, GenerationStopped):
            raise
        except BaseException:
            self._interrupt_ours()
            raise
        finally:
            self._over.set()

    def _answer(self) -> bytes:
        """Wait for the body of the 200, minding samples, stop requests and silence."""
        while True:
            item = self._next(self._limits.poll_s)
            if isinstance(item, bytes):
                return self._unless_stopped(item)
            if isinstance(item, BaseException):
                raise self._settled(item)
            if item is not None:
                self._look_at(item)
            reason = self._callbacks.should_stop()
            if reason is not None:
                within_s = self._limits.stop_within_s.get(reason, self._limits.stop_s)
                raise GenerationStopped(reason, stopped=self._end_ours(within_s))
            self._mind_silence()

    def _unless_stopped(self, body: bytes) -> bytes:
        """Refuse an image that somebody interrupted at Forge's own page: it is only half done."""
        if self._stopped_elsewhere:
            raise ForgeFailure(FailureKind.BAD_IMAGE, "interrupted by somebody else", sent=True)
        return body

    def _check_whole(self, image: GeneratedImage) -> None:
        """Look once more: Forge tells an interruption in its state alone, and a poll may have come too early."""
        with contextlib.suppress(ForgeFailure):
            last = self._client.progress()
            same = bool(image.job_timestamp) and last.job_timestamp == image.job_timestamp
            self._stopped_elsewhere = same and last.idle and (last.interrupted or last.skipped)
        self._unless_stopped(b"")

    def _look_at(self, sample: Sample) -> None:
        ours = not sample.idle and self._is_ours()
        progress = self._tracker.read(sample, ours=ours, now_s=time.monotonic())
        if progress is None:
            return
        self._loading = sample.job_count < 0
        if ours:
            self._timestamp = sample.job_timestamp
        self._stopped_elsewhere = ours and (sample.interrupted or sample.skipped)
        if progress.alive:
            self._moved = time.monotonic()
        self._callbacks.on_progress(progress)
        self._with_preview = self._callbacks.previews()

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
        """Return a failed POST's error; with the connection lost Forge may go on, so it is stopped first."""
        if self._lost and isinstance(error, ForgeFailure):
            error.idle_again = self._end_ours()
            error.died = self._ours or self._gone
        return error

    def _end_ours(self, within_s: float | None = None) -> bool:
        """Make Forge stop working for us; tell whether it did, within `stop_s` or so many seconds."""
        self._over.set()
        deadline = time.monotonic() + (self._limits.stop_s if within_s is None else within_s)
        while not self._ended:
            running = self._interrupt_ours()
            left_s = deadline - time.monotonic()
            if left_s <= 0 or (self._lost and running is False):
                return running is False
            self._next(min(STOP_POLL_S, left_s))
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

    def _next(self, timeout_s: float) -> bytes | BaseException | Sample | None:
        """Wait for the next thing to happen, and keep in mind how the POST ended."""
        try:
            item = self._inbox.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(item, ForgeFailure):
            self._lost = item.sent and item.status is None
        self._ended = self._ended or (isinstance(item, bytes | BaseException) and not self._lost)
        return item

    def _post(self) -> None:
        try:
            timeout_s = self._limits.max_s + 2 * self._limits.stop_s
            self._inbox.put(self._client.txt2img(self._body(), timeout_s=timeout_s))
        except BaseException as error:
            self._inbox.put(error)

    def _poll(self) -> None:
        wait_s = min(self._limits.first_poll_s, self._limits.poll_s)
        while not self._over.wait(wait_s):
            with contextlib.suppress(ForgeFailure):
                sample = self._client.progress(with_preview=self._with_preview)
                self._inbox.put(replace(sample, preview=sample.preview and small_jpeg(sample.preview)))
            wait_s = self._limits.poll_s

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
