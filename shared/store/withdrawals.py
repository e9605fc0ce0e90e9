"""A submission that was answered 503 and stored all the same is taken back.

One that waits was never there for who sent it: it goes with its two messages, and with its conversation if nothing else
is in it. Nobody is called back. What a worker has begun cannot be made unhappened: it is cancelled.

Rows are locked in the order in which a deleted conversation locks them (`endings`). A retry is no such submission: sent
again it finds its job in the way, and nothing is drawn twice.
"""

from sqlalchemy import Connection, delete, exists, or_, select

from shared.domain.jobs import Job, Status
from shared.store.changing import Change, changed
from shared.store.connected import job_of
from shared.store.endings import Endings
from shared.store.leaving import cancelled
from shared.store.tables import conversations, jobs, messages


class Withdrawals(Endings):
    """Jobs that nobody knows to be stored."""

    def withdraw_job(self, job_id: str) -> Change | None:
        """Delete a waiting job as if it had never been; have one that is drawn cancelled; leave one that has ended.

        Return its change, by which whoever saw the job is told; None: there is no such job.
        """
        with self._begin() as connection:
            job = _locked(connection, job_id)
            if job is None:
                return None
            if job.status is Status.QUEUED:
                return _undone(connection, job)
            asked = None if job.terminal or job.cancel_requested else self._cancel_locked(connection, job)
            return asked or Change(job, same_status=True)


def _locked(connection: Connection, job_id: str) -> Job | None:
    """Lock a job's conversation, then the job."""
    its_thread = select(jobs.c.conversation_id).where(jobs.c.job_id == job_id).scalar_subquery()
    connection.execute(select(conversations.c.id).where(conversations.c.id == its_thread).with_for_update())
    row = connection.execute(select(jobs).where(jobs.c.job_id == job_id).with_for_update()).one_or_none()
    return None if row is None else job_of(row)


def _undone(connection: Connection, job: Job) -> Change:
    """End a job as cancelled and delete it; its messages are those of its own moment, for one statement made all three.

    The job goes with the bot's message.
    """
    ended = job_of(connection.execute(changed(jobs.c.job_id == job.job_id, cancelled(job.locale))).one())
    thread = job.conversation_id
    said = (messages.c.role == "user") & (messages.c.created_at == job.created_at)
    both = or_(messages.c.id == job.message_id, said) & (messages.c.conversation_id == thread)
    connection.execute(delete(messages).where(both))
    filled = exists().where(messages.c.conversation_id == thread)
    connection.execute(delete(conversations).where(conversations.c.id == thread, ~filled))
    return Change(ended, moved_line=True)
