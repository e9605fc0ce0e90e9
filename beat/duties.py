"""What every duty works with."""

from dataclasses import dataclass

from beat.webhooks import Courier
from shared.announcer import Announcer
from shared.duty_clock import DutyClock
from shared.foundation import Foundation
from shared.images import ImageStore, open_image_store
from shared.line_index import LineIndex
from shared.live import LiveViews
from shared.settings import Settings
from shared.store import Store
from shared.wakeups import Bell


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """The maintenance worker's collaborators."""

    settings: Settings
    store: Store
    index: LineIndex
    live: LiveViews
    announcer: Announcer
    bell: Bell
    images: ImageStore
    courier: Courier
    clock: DutyClock


def compose(settings: Settings) -> Duties:
    """Build the collaborators of one process; connects to nothing yet."""
    base = Foundation.of(settings, pool_size=2)
    return Duties(
        settings=settings,
        store=base.store,
        index=base.index,
        live=base.live,
        announcer=base.announcer,
        bell=Bell(str(settings.redis_url)),
        images=open_image_store(settings.image_store),
        courier=Courier(Store(str(settings.database_url), pool_size=4), settings),
        clock=DutyClock(base.redis),
    )
