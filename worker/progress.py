"""While an attempt runs: tell its progress, its previews and its signs of life.

A progress event is sent at each change of stage and each time `PROGRESS_STEP` percent are
gained. None of it may end the attempt: a database that is away is told in the log.
"""

import logging
from time import monotonic

from redis import Redis
from redis.exceptions import RedisError

from shared.announcer import Announcer
from shared.domain.jobs import Job, Stage
from shared.previews import Previews
from shared.redis_keys import WATCHERS
from shared.store import Claimant, ForgeLease, Store, StoreUnavailable
from worker.forge import ForgeProgress

log = logging.getLogger(__name__)

#: signs of life are written, and watchers and previews looked at, at most so often
ALIVE_EVERY_S = 1.0
PREVIEW_EVERY_S = 1.0


class ProgressTeller:
    """Tells one attempt's progress to the store and to the owner's sockets."""

    def __init__(
        self,
        job: Job,
        claimant: Claimant,
        *,
        store: Store,
        announcer: Announcer,
        previews: Previews,
        step: int,
    ) -> None:
        self._job = job
        self._claimant = claimant
        self._store = store
        self._announcer = announcer
        self._previews = previews
        self._step = step
        self._told = 0
        self._stage = Stage.LOADING
        self._alive_at = 0.0
        self._preview_at = 0.0
        self._task_id = job.task_id
        self._timestamp: str | None = None

    @property
    def last_try(self) -> ForgeLease:
        """What the newest try is known by at Forge."""
        return ForgeLease(self._task_id, self._timestamp)

    def begin_try(self, task_id: str) -> bool:
        """Record another try (the claim recorded the first); return False when the job is no longer ours."""
        self._stage = Stage.LOADING
        self._task_id, self._timestamp = task_id, None
        self._store.note_generation(self._claimant, task_id=task_id, job_timestamp=None)
        change = self._store.begin_try(self._job, task_id)
        self._announcer.publish(change)
        return change is not None

    def end_tries(self) -> None:
        """Record that nothing of ours is at work on this Forge any more."""
        self._store.note_generation(self._claimant, task_id=None, job_timestamp=None)

    def tell(self, progress: ForgeProgress, *, task_id: str) -> None:
        """Tell one poll's findings."""
        try:
            self._note_timestamp(progress, task_id)
            self._tell_steps(progress)
            self._tell_preview(progress)
        except StoreUnavailable as error:
            log.warning("progress of job %s was not stored: %s", self._job.job_id, error)

    def saving(self) -> Job | None:
        """Tell that the picture is there and is being stored; return the job as it is now, None when not ours."""
        change = self._store.save_progress(self._job, progress=99, stage=Stage.SAVING)
        self._announcer.publish(change)
        return None if change is None else change.job

    def _note_timestamp(self, progress: ForgeProgress, task_id: str) -> None:
        if progress.job_timestamp and progress.job_timestamp != self._timestamp:
            self._timestamp = progress.job_timestamp
            self._store.note_generation(self._claimant, task_id=task_id, job_timestamp=progress.job_timestamp)

    def _tell_steps(self, progress: ForgeProgress) -> None:
        gained = progress.percent - self._told >= self._step
        stage = Stage(progress.stage)
        if stage is not self._stage or gained:
            change = self._store.save_progress(self._job, progress=progress.percent, stage=stage)
            self._told = max(self._told, progress.percent)
            self._stage = stage
            self._announcer.publish(change)
        if progress.alive and monotonic() - self._alive_at >= ALIVE_EVERY_S:
            self._alive_at = monotonic()
            self._store.note_alive(self._job, forge_loading=stage is Stage.LOADING)

    def _tell_preview(self, progress: ForgeProgress) -> None:
        if progress.preview is None or monotonic() - self._preview_at < PREVIEW_EVERY_S:
            return
        self._preview_at = monotonic()
        if self._previews.save(self._job.job_id, progress.preview) is not None:
            self._announcer.preview_changed(self._store.job(self._job.job_id))


class Watchers:
    """Whether someone looks: a live preview costs Forge time, so it is taken only then."""

    def __init__(self, redis: "Redis", *, allowed: bool) -> None:
        self._redis = redis
        #: whether this Forge may be asked for previews at all (PREVIEWS, and what it has on)
        self.allowed = allowed

    def of(self, job: Job) -> bool:
        """Whether a socket of the job's owner is open now, by Redis's clock: those of two machines may differ."""
        if not self.allowed:
            return False
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.time()
                pipe.zmscore(WATCHERS, sorted(job.audience))
                (now, _), scores = pipe.execute()
        except RedisError:
            return False
        return any(score is not None and score > now for score in scores)
