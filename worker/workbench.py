"""What an attempt works with, and how it may end."""

from dataclasses import dataclass
from enum import StrEnum

from shared.announcer import Announcer
from shared.previews import Previews
from shared.settings import Settings
from shared.store import Claimant, Store
from worker.breaker import Circuit
from worker.figures import Figures
from worker.forge import ForgeClient, Limits
from worker.gate import Gate
from worker.progress import Watchers
from worker.saver import Saver
from worker.task_events import TaskEvents

STOP_S = 30.0
#: at a shutdown nobody waits so long: who comes next ends the rest
HURRIED_STOP_S = 3.0


class StopReason(StrEnum):
    """Why we end a generation ourselves."""

    CANCELLED = "cancelled"
    LOST = "lost"
    SHUTDOWN = "shutdown"


class Ending(StrEnum):
    """How an attempt ended, for whoever decides what comes next."""

    #: the job has ended
    DONE = "done"
    #: the job waits again, at its old place
    PUT_BACK = "put_back"
    #: the job is no longer ours
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """One worker's collaborators."""

    settings: Settings
    claimant: Claimant
    store: Store
    announcer: Announcer
    forge: ForgeClient
    circuit: Circuit
    gate: Gate
    saver: Saver
    previews: Previews
    watchers: Watchers
    figures: Figures
    task_events: TaskEvents
    #: how long Forge has to end what was interrupted
    stop_s: float = STOP_S

    @property
    def limits(self) -> Limits:
        """How long a generation may take."""
        return Limits(
            timeout_s=self.settings.forge_timeout_s,
            load_timeout_s=self.settings.forge_load_timeout_s,
            max_s=self.settings.forge_max_s,
            poll_s=self.settings.progress_poll_s,
            stop_s=self.stop_s,
            stop_within_s={StopReason.SHUTDOWN: HURRIED_STOP_S},
        )
