"""PostgreSQL, the truth: the tables and the only SQL of the project.

Every method is one transaction. Methods that change a job return the `Change` they
caused, for the caller to publish after the commit; None means another process got there
first. When the database is away they raise `StoreUnavailable`.
"""

from shared.store.changing import Change
from shared.store.claims import Renewal
from shared.store.connected import MaybeStored, StoreUnavailable
from shared.store.endings import Removed
from shared.store.figures import Census, Figures, PendingCallbacks
from shared.store.fleet import Fleet, ForgeLease, LineState, WorkerState
from shared.store.outbox import Callback, Outbox
from shared.store.reading import Duration, Reading, Waiting
from shared.store.rescues import Rescued
from shared.store.submissions import Caps, NewJob, Submissions, TicketTaken
from shared.store.taking import Claimant
from shared.store.threads import Conversation, Message, Threads
from shared.store.upkeep import Upkeep
from shared.store.withdrawals import Withdrawals

__all__ = [
    "Callback",
    "Caps",
    "Census",
    "Change",
    "Claimant",
    "Conversation",
    "Duration",
    "ForgeLease",
    "LineState",
    "MaybeStored",
    "Message",
    "NewJob",
    "PendingCallbacks",
    "Removed",
    "Renewal",
    "Rescued",
    "Store",
    "StoreUnavailable",
    "TicketTaken",
    "Waiting",
    "WorkerState",
]


class Store(Submissions, Upkeep, Withdrawals, Fleet, Figures, Outbox, Reading, Threads):
    """All concerns over one engine; one instance per process."""
