"""What every duty works with."""

from dataclasses import dataclass

from beat.webhooks import Courier
from shared import redis_link
from shared.announcer import Announcer
from shared.duty_clock import DutyClock
from shared.events_bus import Publisher
from shared.images import ImageStore, open_image_store
from shared.line_index import LineIndex
from shared.live import LiveViews
from shared.previews import Previews
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
    redis_url = str(settings.redis_url)
    redis = redis_link.connect(redis_url)
    store = Store(str(settings.database_url), pool_size=2)
    index = LineIndex(redis)
    previews = Previews(redis_link.connect(redis_url, decode=False))
    live = LiveViews(
        store=store,
        index=index,
        previews=previews,
        seen_within_s=settings.lease_s,
        fair=settings.fair_share,
    )
    return Duties(
        settings=settings,
        store=store,
        index=index,
        live=live,
        announcer=Announcer(index=index, live=live, publisher=Publisher(redis)),
        bell=Bell(redis_url),
        images=open_image_store(settings.image_store),
        courier=Courier(Store(str(settings.database_url), pool_size=4), settings),
        clock=DutyClock(redis),
    )
