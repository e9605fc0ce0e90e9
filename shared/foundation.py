"""What every process stands on: the store, Redis, and what is told of a job. Connects to nothing yet."""

from dataclasses import dataclass

from redis import Redis

from shared import redis_link
from shared.announcer import Announcer
from shared.events_bus import Publisher
from shared.line_index import LineIndex
from shared.live import LiveViews
from shared.previews import Previews
from shared.settings import Settings
from shared.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """The collaborators that the API, a worker and the clock have alike."""

    redis: "Redis"
    store: Store
    index: LineIndex
    previews: Previews
    live: LiveViews
    announcer: Announcer

    @classmethod
    def of(cls, settings: Settings, *, pool_size: int = 8, redis_rest_s: float = 0.0) -> "Foundation":
        """Build them for one process; `redis_rest_s` as in `redis_link.connect`."""
        url = str(settings.redis_url)
        redis = redis_link.connect(url, rest_s=redis_rest_s)
        previews = Previews(redis_link.connect(url, decode=False, rest_s=redis_rest_s))
        store, index = Store(str(settings.database_url), pool_size=pool_size), LineIndex(redis)
        live = LiveViews(
            store=store, index=index, previews=previews, seen_within_s=settings.lease_s, fair=settings.fair_share
        )
        announcer = Announcer(index=index, live=live, publisher=Publisher(redis))
        return cls(redis=redis, store=store, index=index, previews=previews, live=live, announcer=announcer)
