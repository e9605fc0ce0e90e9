"""One worker process: what a wake-up sets in motion, and what the process tells of itself.

wake-up ─▶ gate (lease on the Forge, circuit, pre-flight) ─▶ claim ─▶ attempt
             └─ closed: hand the wake-up back for a healthy worker, then wait
"""

import logging
import os
from typing import ClassVar
from uuid import uuid4

from shared import redis_link
from shared.announcer import Announcer
from shared.domain.errors import ErrorCode
from shared.domain.jobs import Job
from shared.events_bus import Publisher
from shared.images import open_image_store
from shared.line_index import LineIndex
from shared.live import LiveViews
from shared.previews import Previews
from shared.settings import Settings
from shared.store import Claimant, Store, StoreUnavailable
from shared.wakeups import Bell
from worker import stopping
from worker.attempt import run_attempt
from worker.breaker import Circuit
from worker.forge import ForgeClient
from worker.gate import Gate
from worker.presence import Presence
from worker.progress import Watchers
from worker.reporter import Reporter
from worker.saver import Saver
from worker.workbench import Ending, Workbench

log = logging.getLogger(__name__)

#: a wake-up that finds the gate closed waits so long before it lets go
HOLD_S = 1.0


class Runner:
    """The collaborators of one worker process, made after the fork."""

    _of_pid: ClassVar[dict[int, "Runner"]] = {}

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        redis_url = str(settings.redis_url)
        redis = redis_link.connect(redis_url)
        forge_url = str(settings.forge_url).rstrip("/")
        self._claimant = Claimant(name, uuid4().hex, forge_url)
        self._store = Store(str(settings.database_url), pool_size=4)
        self._bell = Bell(redis_url)
        previews = Previews(redis_link.connect(redis_url, decode=False))
        index = LineIndex(redis)
        live = LiveViews(
            store=self._store,
            index=index,
            previews=previews,
            seen_within_s=settings.lease_s,
            fair=settings.fair_share,
        )
        announcer = Announcer(index=index, live=live, publisher=Publisher(redis))
        circuit = Circuit(
            forge_url,
            redis_url,
            fail_max=settings.breaker_fail_max,
            reset_s=settings.breaker_reset_s,
        )
        self._forge = ForgeClient(
            forge_url,
            auth=settings.forge_auth,
            override_settings=settings.forge_override_settings,
        )
        self._reporter = Reporter(self._store, announcer, circuit, self._claimant)
        gate = Gate(
            store=self._store,
            forge=self._forge,
            circuit=circuit,
            reporter=self._reporter,
            claimant=self._claimant,
            lease_s=settings.lease_s,
        )
        self._bench = Workbench(
            settings=settings,
            claimant=self._claimant,
            store=self._store,
            announcer=announcer,
            forge=self._forge,
            circuit=circuit,
            gate=gate,
            saver=Saver(open_image_store(settings.image_store), metadata=settings.image_metadata),
            previews=previews,
            watchers=Watchers(redis, allowed=settings.previews == "on"),
        )
        self._presence = Presence(self._bench, self._reporter, self._bell)

    @classmethod
    def of_this_process(cls, settings: Settings, name: str) -> "Runner":
        """Return this process's runner, made at the first call."""
        pid = os.getpid()
        if pid not in cls._of_pid:
            cls._of_pid[pid] = cls(settings, name)
        return cls._of_pid[pid]

    def start(self) -> None:
        """Take over from an earlier boot of this node, and begin to tell that we live."""
        self._presence.start()

    def close(self) -> None:
        """Say goodbye: another worker may have this Forge at once."""
        self._presence.stop()
        self._reporter.forget()
        try:
            self._store.release_forge(self._claimant)
        except StoreUnavailable as error:
            log.warning("the lease on the forge was not released: %s", error)
        self._store.close()

    def wake_up(self) -> None:
        """Claim the first waiting job and work it; a closed gate hands the wake-up back."""
        if stopping.is_stopping():
            self._bell.ring("stopping")
            return
        try:
            job = self._claim() if self._bench.gate.opens() else None
            held = job is None and self._is_held()
        except StoreUnavailable as error:
            log.warning("nothing was claimed: %s", error)
            job, held = None, True
        if held:
            self._hand_back()
        elif job is not None:
            self._work(job)

    def _claim(self) -> Job | None:
        change = self._store.claim(self._claimant, lease_s=self._settings.lease_s, fair=self._settings.fair_share)
        self._bench.announcer.publish(change)
        return None if change is None else change.job

    def _is_held(self) -> bool:
        """Whether the gate is closed while jobs wait (an empty line needs no wake-up)."""
        state = self._reporter.state
        return (state.problem is not None or state.circuit == "open") and self._store.counts()[0] > 0

    def _hand_back(self) -> None:
        """Give the wake-up to a healthy worker, then let some time pass without it."""
        self._bell.ring("held")
        stopping.wait_unless_stopping(HOLD_S)

    def _work(self, job: Job) -> None:
        self._reporter.tell(job_id=job.job_id)
        try:
            ending = run_attempt(job, self._bench)
        except Exception:
            log.exception("job %s: the attempt broke", job.job_id)
            change = self._store.fail(job, ErrorCode.INTERNAL, retryable=True)
            self._bench.announcer.publish(change)
            ending = Ending.DONE
        finally:
            self._reporter.tell(job_id=None)
        self._store.note_generation(self._claimant, task_id=None, job_timestamp=None)
        if ending is Ending.PUT_BACK:
            self._hand_back()
