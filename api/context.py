"""What routes work with: the collaborators one process is composed of."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from api.processor import Processor
from shared.announcer import Announcer
from shared.domain.params import ReportedLists, RequestLimits
from shared.images import ImageStore
from shared.live import LiveViews
from shared.previews import Previews
from shared.settings import Settings
from shared.store import Store
from shared.wakeups import BackgroundBell

EXTENSION = "forgeline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One API process's collaborators."""

    settings: Settings
    limits: RequestLimits
    store: Store
    live: LiveViews
    announcer: Announcer
    processor: Processor
    images: ImageStore
    previews: Previews
    bell: BackgroundBell

    def reported_lists(self) -> ReportedLists | None:
        """Return what the live workers' Forges offer together; None before one reported."""
        found = [worker.lists for worker in self.live.workers() if worker.lists]
        if not found:
            return None
        models = [model for lists in found for model in lists["models"]]
        return ReportedLists(
            samplers=frozenset(name for lists in found for name in lists["samplers"]),
            schedulers=frozenset(name for lists in found for name in lists["schedulers"]),
            models=frozenset(model[key] for model in models for key in ("name", "title")),
        )


def context() -> Context:
    """Return the collaborators of the app at hand."""
    return cast(Context, current_app.extensions[EXTENSION])
