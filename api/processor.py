"""A prompt becomes two messages, a job, a ticket and a wake-up; and a waiting job leaves again.

    one step in Redis (ticket and place) ─▶ one statement in PostgreSQL (everything) ─▶ answer
                                                                                     └─▶ event and wake-up, unwaited for

Commit, then send: the wake-up and the event leave after the job is stored. A process that
dies between the two leaves a job without a wake-up: an idle worker looks for it at its next
heartbeat, and the reconciler rings for it and puts it into the index.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from api.doubts import Doubts
from shared.announcer import Announcer
from shared.background import Background
from shared.domain.errors import NotFound, QueueFull, QueueUnavailable, TooManyJobs
from shared.domain.identity import Identity
from shared.domain.jobs import Job, Priority
from shared.domain.params import GenerateRequest
from shared.line_index import LineIndex, Standing
from shared.live import LiveViews
from shared.queues import RECONCILE_TASK
from shared.store import Caps, Change, MaybeStored, NewJob, Store, TicketTaken
from shared.transitions import log_transition
from shared.wakeups import BackgroundBell

#: a counter that is behind the store is lifted once; more rounds mean something is wrong
TICKET_TRIES = 5
#: jobs whose event and wake-up wait while Redis is slow; what is dropped, sweep and reconciler make up for
MOST_ANSWERED = 5000
#: those of one burst are told together, so long apart: a tenth of the cost of a submission lies in telling each alone
TOLD_APART_S = 0.01

Stored = TypeVar("Stored")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored submission, as it is answered; not new when an Idempotency-Key made it before."""

    job: Job
    view: dict[str, Any]
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """Accepts work, and takes it back: every way a job comes into being, and a cancel."""

    store: Store
    index: LineIndex
    bell: BackgroundBell
    announcer: Announcer
    live: LiveViews
    caps: Caps
    doubts: Doubts
    _answered: Background[tuple[Job, dict[str, Any]]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "_answered", Background("answered", self._send, most=MOST_ANSWERED, rest_s=TOLD_APART_S)
        )

    def request_image_generation(
        self, request: GenerateRequest, identity: Identity, *, key: str | None, locale: str
    ) -> Accepted:
        """Store a submission, or find the one its key made before.

        Raises NotFound, QueueFull, TooManyJobs, IdempotencyConflict, QueueUnavailable; then
        nothing was stored, or it is withdrawn, or the key finds it.
        """
        new = _new_job(request, identity, locale)
        if key is not None:
            new = replace(new, idempotency_key=key, body_hash=request.fingerprint())
        change, is_new, standing = self._with_ticket(lambda: self._enter(new))
        if not is_new:
            return Accepted(change.job, self.live.view(change.job), is_new)
        view = self.live.view_of_stored(change.job, standing)
        log_transition(change)
        self._answered.put((change.job, view))
        return Accepted(change.job, view, is_new)

    def made_before(self, request: GenerateRequest, identity: Identity, *, key: str) -> Accepted | None:
        """Find the submission that this key made of this very request."""
        job = self.store.job_by_key(identity.user_id, key)
        if job is None or job.body_hash != request.fingerprint():
            return None
        return Accepted(job, self.live.view(job), is_new=False)

    def cancel(self, job_id: str, identity: Identity) -> tuple[Job, dict[str, Any]]:
        """Cancel a job; return it with the view to answer. See `Store.cancel_job`.

        A waiting job is out of the line when this returns; its event follows, in order with those of new jobs.
        """
        change = self.store.cancel_job(job_id, identity)
        job = change.job
        if not change.moved_line:
            self.announcer.publish(change)
            return job, self.live.view_of_stored(job)
        total = self.index.note([job])
        self.live.line_moved()
        view = self.live.view_of_stored(job, None if total is None else Standing(0, total))
        log_transition(change)
        self._answered.put((job, view))
        return job, view

    def retry(self, job_id: str, identity: Identity) -> Job:
        """Begin again where a job ended in error or cancelled; see `Store.retry_job`."""

        def store_it() -> Change:
            ticket = self.index.next_ticket(self.store.highest_ticket)
            return self.store.retry_job(job_id, identity, ticket=ticket, caps=self.caps)

        change = self._with_ticket(store_it)
        self.announcer.publish(change)
        self.bell.ring(change.job.job_id)
        return change.job

    def ring_for_line(self) -> None:
        """Have the broker compared with the line: jobs may wait without a wake-up."""
        self.bell.ring_maintenance(RECONCILE_TASK)

    def _enter(self, new: NewJob) -> tuple[Change, bool, Standing | None]:
        """Take a place in the index and store the job under its ticket; give the place back if that fails."""
        entry = self.index.enter(new.job_id, new.priority, self.store.highest_ticket)
        position = entry.standing.position if entry.standing else None
        is_new = False
        try:
            change, is_new = self.store.add_job(new, ticket=entry.ticket, caps=self.caps, position=position)
        except MaybeStored:
            # One with a key may be sent again already, and answered 200 with this job: that is not taken away.
            if new.idempotency_key is None:
                self.doubts.add(new.job_id)
            raise
        finally:
            if not is_new:
                self.index.leave(new.job_id)
        return change, is_new, entry.standing

    def _send(self, answered: list[tuple[Job, dict[str, Any]]]) -> None:
        """Tell of the jobs, then wake for the new ones: a worker's first word of a job comes after ours."""
        self.announcer.publish_answered(answered)
        for job, _ in answered:
            if not job.terminal:
                self.bell.ring(job.job_id)

    def _with_ticket(self, store_it: Callable[[], Stored]) -> Stored:
        for _ in range(TICKET_TRIES):
            try:
                return store_it()
            except TicketTaken:
                self.index.raise_ticket(self.store.highest_ticket())
            except (QueueFull, TooManyJobs) as error:
                error.retry_after_s = self.live.next_end_s()
                raise
        raise QueueUnavailable("no free ticket", retry_after_s=2)


def _known_form(conversation_id: str | None) -> str | None:
    """An id that no conversation can have is as good as missing; raises NotFound."""
    if conversation_id is not None and not conversation_id.isprintable():
        raise NotFound
    return conversation_id


def _new_job(request: GenerateRequest, identity: Identity, locale: str) -> NewJob:
    return NewJob(
        user_id=identity.user_id,
        username=identity.username,
        prompt=request.prompt,
        params=request.params.model_dump(exclude={"prompt"}),
        priority=Priority.HIGH if request.priority == "high" else Priority.NORMAL,
        locale=request.locale or locale,
        conversation_id=_known_form(request.conversation_id),
        callback_url=request.callback_url,
    )
