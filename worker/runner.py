"""One worker process: what a wake-up sets in motion, and what the process tells of itself.

wake-up ─▶ gate (lease on the Forge, circuit, pre-flight) ─▶ claim ─▶ attempt
             └─ closed: hand the wake-up back for a healthy worker, then wait

No wake-up is dropped while a job waits, and none is needed more than once a heartbeat: a
worker that ends a job, or idles, rings itself when the broker is empty and the line is not.
"""

import logging
import os
from typing import ClassVar

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
from worker.boots import this_boot
from worker.breaker import Circuit
from worker.figures import Figures
from worker.forge import ForgeClient
from worker.gate import Gate
from worker.persistence import persist
from worker.presence import Presence
from worker.progress import Watchers
from worker.reporter import Reporter
from worker.saver import Saver
from worker.takeover import Takeover
from worker.workbench import STOP_S, Ending, Workbench

log = logging.getLogger(__name__)

#: a wake-up that finds the gate closed waits so long before it lets go
HOLD_S = 1.0
#: a Redis that is silent costs one wait in so many seconds, not one at every step of a generation
REDIS_REST_S = 3.0


class Runner:
    """The collaborators of one worker process, made after the fork."""

    _of_pid: ClassVar[dict[int, "Runner"]] = {}

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        redis_url = str(settings.redis_url)
        redis = redis_link.connect(redis_url, rest_s=REDIS_REST_S)
        forge_url = str(settings.forge_url).rstrip("/")
        self._claimant = Claimant(name, this_boot(), forge_url)
        self._store = Store(str(settings.database_url), pool_size=4)
        self._bell = Bell(redis_url)
        previews = Previews(redis_link.connect(redis_url, decode=False, rest_s=REDIS_REST_S))
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
        figures = Figures()
        self._reporter = Reporter(self._store, announcer, circuit, self._claimant)
        self._takeover = Takeover(self._store, announcer, self._bell, self._claimant)
        gate = Gate(
            store=self._store,
            forge=self._forge,
            circuit=circuit,
            reporter=self._reporter,
            claimant=self._claimant,
            takeover=self._takeover,
            figures=figures,
            lease_s=settings.lease_s,
            stop_s=STOP_S,
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
            figures=figures,
        )
        self._presence = Presence(self._bench, reporter=self._reporter, bell=self._bell, takeover=self._takeover)

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
        with stopping.at_work():
            try:
                self._serve()
            except StoreUnavailable as error:
                log.warning("the database is away: %s", error)
                self._hand_back()

    def _serve(self) -> None:
        self._takeover.give_back_unheard()
        if not self._store.work_waits():
            self._bench.figures.idle()
            return
        job = self._claim() if self._bench.gate.opens() else None
        if job is None:
            self._bench.figures.idle()
            self._hand_back()
        elif self._work(job) is Ending.PUT_BACK:
            self._hand_back()
        else:
            self._presence.ring_if_unheard()

    def _claim(self) -> Job | None:
        self._takeover.unsure = True
        change = self._store.claim(self._claimant, lease_s=self._settings.lease_s, fair=self._settings.fair_share)
        self._takeover.unsure = False
        self._bench.announcer.publish(change)
        return None if change is None else change.job

    def _hand_back(self) -> None:
        """Give the wake-up to a healthy worker, then let some time pass without it."""
        self._bell.ring("held")
        stopping.wait_unless_stopping(HOLD_S)

    def _work(self, job: Job) -> Ending:
        self._reporter.tell(job_id=job.job_id)
        self._takeover.unsure = True
        try:
            ending = run_attempt(job, self._bench)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("job %s: the attempt broke", job.job_id)
            change = persist(lambda: self._store.fail(job, ErrorCode.INTERNAL, retryable=True))
            self._bench.announcer.publish(change)
            ending = Ending.DONE
        finally:
            self._reporter.tell(job_id=None)
        self._takeover.unsure = False
        self._bench.figures.attempt_ended(ending.value)
        return ending
