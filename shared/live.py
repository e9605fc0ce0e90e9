"""What is derived when a job is read: its place, its estimate, whether the line is held.

Places and totals are those of now: from the index in Redis, counted in SQL while it is away.
Estimates, the fleet and the line's switches are looked at again at most every `FRESH_S`, whoever asks how often.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from shared.domain.fleet import CircuitState
from shared.domain.jobs import Job, Live, Stage, Status, client_view, iso
from shared.fresh import Fresh
from shared.line_index import LineIndex, Places, Standing
from shared.previews import Previews
from shared.store import Store, StoreUnavailable, WorkerState
from shared.waiting_line import Place, WaitingLine

FRESH_S = 0.5
#: thousands of sockets that come back at once ask one question for all; nobody else notices
COUNTED_S = 0.02


class Switches(NamedTuple):
    """What keeps the line from moving."""

    held: bool
    paused: bool
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The line as everybody may see it."""

    waiting: int
    processing: int
    switches: Switches

    def view(self) -> dict[str, Any]:
        """Return the `queue` object of GET /image/status and of the snapshot."""
        return {
            "waiting": self.waiting,
            "processing": self.processing,
            "held": self.switches.held,
            "paused": self.switches.paused,
            "retry_at": iso(self.switches.retry_at),
        }


class Viewed(NamedTuple):
    """A job, and how clients see it now."""

    job: Job
    view: dict[str, Any]


class LiveViews:
    """Reads what a job's row does not say; one per process."""

    def __init__(self, *, store: Store, index: LineIndex, previews: Previews, seen_within_s: float, fair: bool) -> None:
        self._fair = fair
        self._store = store
        self._index = index
        self._previews = previews
        self._line = WaitingLine(store, index, workers=self._serving, fair=fair)
        self._fleet = Fresh(lambda: store.live_workers(seen_within_s), FRESH_S)
        self._processing = Fresh(store.processing_count, COUNTED_S)
        self._switches = Fresh(self._read_switches, FRESH_S / 2)

    def view(self, job: Job, standing: Standing | None = None) -> dict[str, Any]:
        """Return the whole live job as clients see it; `standing` is its place in the index, if just read."""
        return client_view(job, self.live(job, standing))

    def views(self, jobs: Sequence[Job]) -> list[Viewed]:
        """Return the view of each; see `views_and_totals`."""
        return self._views(jobs)[0]

    def views_and_totals(self, jobs: Sequence[Job]) -> tuple[list[Viewed], Totals]:
        """Return the views of jobs that were just read, and the totals beside them: all their places are of one moment.

        Who has left the line meanwhile is read again, and left out if it was deleted.
        """
        views, waiting = self._views(jobs)
        return views, self.totals(waiting)

    def view_of_stored(self, job: Job, standing: Standing | None = None) -> dict[str, Any]:
        """Return the view of a job whose change was just stored: it has one even if the store left since."""
        try:
            return self.view(job, standing)
        except StoreUnavailable:
            position, total = standing or (job.queue_position, job.queue_position)
            now = datetime.now(UTC)
            return client_view(job, Live(server_time=now, queue_position=position, queue_total=total))

    def live(self, job: Job, standing: Standing | None = None) -> Live:
        """Return what is derived for `job` now.

        Its moment is from before anything is read: who has it together with news of the line takes the later one.
        """
        now = datetime.now(UTC)
        waits = job.status is Status.QUEUED
        return self._derived(job, standing if standing and not (self._fair and waits) else self._place(job), now)

    def workers(self) -> list[WorkerState]:
        """Return the live workers."""
        return self._fleet.read()

    def listeners(self) -> int:
        """Return how many workers may hear a wake-up, at least 1: they may just not have said so yet."""
        try:
            return max(1, len(self.workers()))
        except StoreUnavailable:
            return 1

    def held(self) -> bool:
        """Whether no live worker has a circuit that is not open."""
        return all(worker.circuit == CircuitState.OPEN for worker in self.workers())

    def totals(self, waiting: int | None = None) -> Totals:
        """Return the line's totals, as jobs that are read now tell them (or `waiting` told), and its switches."""
        return Totals(self._waiting() if waiting is None else waiting, self._processing.read(), self._switches.read())

    def places(self, members: Collection[str]) -> tuple[list[Place], Totals]:
        """Return the places of the waiting jobs of any of the typed `members`, in order, and the totals with them."""
        places, waiting = self._line.places_of(members)
        return places, self.totals(waiting)

    def next_end_s(self) -> float:
        """Return seconds until a place in the line is likely to be free, for Retry-After."""
        return self._line.next_end_s()

    def line_moved(self) -> None:
        """Show no place of before a move that this process has just stored."""
        self._line.moved()

    def forget(self) -> None:
        """Look anew at the next question: the line or the fleet just changed."""
        self._line.forget()
        for kept in (self._processing, self._switches, self._fleet):
            kept.forget()

    def _views(self, jobs: Sequence[Job]) -> tuple[list[Viewed], int]:
        now = datetime.now(UTC)
        places = self._line.places([job.job_id for job in jobs if job.status is Status.QUEUED])
        viewed = []
        for job in self._read_again(jobs, places):
            at = places.positions.get(job.job_id, 0)
            lost = job.status is Status.QUEUED and not at  # it came back to the line since
            standing = self._place(job) if lost else (at, places.total)
            viewed.append(Viewed(job, client_view(job, self._derived(job, standing, now))))
        return viewed, places.total

    def _read_again(self, jobs: Sequence[Job], places: Places) -> Sequence[Job]:
        gone = {job.job_id for job in jobs if job.status is Status.QUEUED} - places.positions.keys()
        if not gone:
            return jobs
        now = {job.job_id: job for job in self._store.jobs_by_id(list(gone))}
        found = (now.get(job.job_id) if job.job_id in gone else job for job in jobs)
        return [job for job in found if job]

    def _derived(self, job: Job, standing: tuple[int, int], now: datetime) -> Live:
        position, total = standing
        sampling = job.stage is Stage.SAMPLING
        return Live(
            server_time=now,
            queue_position=position,
            queue_total=total,
            eta_seconds=self._eta(job, position),
            held=job.status is Status.QUEUED and self.held(),
            preview_version=self._previews.version(job.job_id) if sampling else None,
        )

    def _read_switches(self) -> Switches:
        held = self.held()
        moments = [worker.retry_at for worker in self.workers() if worker.retry_at]
        retry_at = min(moments, default=None) if held else None
        return Switches(held, self._store.line_state().paused, retry_at)

    def _place(self, job: Job) -> tuple[int, int]:
        if job.status is not Status.QUEUED:
            return 0, self._waiting()
        if self._fair:
            places = self._line.places([job.job_id])
            return places.positions.get(job.job_id, 0), places.total
        found = self._index.place(job.job_id)
        if found and found[0] is not None:
            return found[0], found[1]
        return self._store.position(job), self._store.counts()[0]

    def _waiting(self) -> int:
        found = self._index.total()
        return self._store.counts()[0] if found is None else found

    def _eta(self, job: Job, position: int) -> int | None:
        if job.terminal or self.held():
            return None
        if job.status is Status.PROCESSING:
            return self._line.rest_of(job)
        return self._line.eta(job, position)

    def _serving(self) -> int:
        """Return how many workers serve the line now; 0 while it is held or paused: no estimate."""
        if self._switches.read().paused:  # for how long only the operator knows
            return 0
        return sum(worker.circuit != CircuitState.OPEN for worker in self.workers())
