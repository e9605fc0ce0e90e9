"""A prompt becomes two messages, a job, a ticket and a wake-up.

Commit, then send: the wake-up and the event leave after the job is stored. A process that
dies between the two leaves a job without a wake-up, and the reconciler rings for it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from shared.announcer import Announcer
from shared.domain.errors import QueueFull, QueueUnavailable, TooManyJobs
from shared.domain.identity import Identity
from shared.domain.jobs import Job, Priority
from shared.domain.params import GenerateRequest
from shared.line_index import LineIndex
from shared.live import LiveViews
from shared.queues import RECONCILE_TASK
from shared.store import Caps, Change, NewJob, Store, TicketTaken
from shared.wakeups import BackgroundBell

#: a counter that is behind the store is lifted once; more rounds mean something is wrong
TICKET_TRIES = 5

Stored = TypeVar("Stored")


@dataclass(frozen=True, slots=True)
class Processor:
    """Accepts work: every way a job comes into being."""

    store: Store
    index: LineIndex
    bell: BackgroundBell
    announcer: Announcer
    live: LiveViews
    caps: Caps

    def request_image_generation(
        self, request: GenerateRequest, identity: Identity, *, key: str | None, locale: str
    ) -> tuple[Job, bool]:
        """Store a submission; return its job and whether it is new (else the key's earlier one).

        Raises NotFound, QueueFull, TooManyJobs, IdempotencyConflict, QueueUnavailable; then
        nothing was stored.
        """
        new = _new_job(request, identity, locale)
        if key is not None:
            new = replace(new, idempotency_key=key, body_hash=request.fingerprint())
        change, created = self._with_ticket(lambda ticket: self.store.add_job(new, ticket=ticket, caps=self.caps))
        if created:
            self._send(change)
        return change.job, created

    def retry(self, job_id: str, identity: Identity) -> Job:
        """Begin again where a job ended in error or cancelled; see `Store.retry_job`."""
        change = self._with_ticket(lambda ticket: self.store.retry_job(job_id, identity, ticket=ticket, caps=self.caps))
        self._send(change)
        return change.job

    def ring_for_line(self) -> None:
        """Have the broker compared with the line: jobs may wait without a wake-up."""
        self.bell.ring_maintenance(RECONCILE_TASK)

    def _with_ticket(self, store_it: Callable[[int], Stored]) -> Stored:
        for _ in range(TICKET_TRIES):
            ticket = self.index.next_ticket(self.store.highest_ticket)
            try:
                return store_it(ticket)
            except TicketTaken:
                self.index.raise_ticket(self.store.highest_ticket())
            except (QueueFull, TooManyJobs) as error:
                error.retry_after_s = self.live.next_end_s()
                raise
        raise QueueUnavailable("no free ticket", retry_after_s=2)

    def _send(self, change: Change) -> None:
        self.announcer.publish(change)
        self.bell.ring(change.job.job_id)


def _new_job(request: GenerateRequest, identity: Identity, locale: str) -> NewJob:
    return NewJob(
        user_id=identity.user_id,
        username=identity.username,
        prompt=request.prompt,
        params=request.params.model_dump(exclude={"prompt"}),
        priority=Priority.HIGH if request.priority == "high" else Priority.NORMAL,
        locale=request.locale or locale,
        conversation_id=request.conversation_id,
        callback_url=request.callback_url,
    )
