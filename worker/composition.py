"""The composition root of a GPU worker: everything is built here, after the fork, and connected later."""

import os
from dataclasses import dataclass

from shared import redis_link
from shared.announcer import Announcer
from shared.events_bus import Publisher
from shared.images import open_image_store
from shared.line_index import LineIndex
from shared.live import LiveViews
from shared.previews import Previews
from shared.settings import Settings
from shared.store import Claimant, Store
from shared.wakeups import Bell
from worker.boots import this_boot
from worker.breaker import Circuit
from worker.figures import Figures
from worker.forge import ForgeClient
from worker.gate import Gate
from worker.presence import Presence
from worker.progress import Watchers
from worker.reporter import Reporter
from worker.runner import Runner
from worker.saver import Saver
from worker.takeover import Takeover
from worker.workbench import STOP_S, Workbench

#: a Redis that is silent costs one wait in so many seconds, not one at every step of a generation
REDIS_REST_S = 3.0

_runners: dict[int, Runner] = {}


def of_this_process(settings: Settings, name: str) -> Runner:
    """Return this process's runner, made at the first call."""
    pid = os.getpid()
    if pid not in _runners:
        _runners[pid] = compose(settings, name)
    return _runners[pid]


def compose(settings: Settings, name: str, *, stop_s: float = STOP_S) -> Runner:
    """Build a runner for the node `name`; `stop_s`: how long Forge has to end what was interrupted."""
    shared = _Shared.of(settings)
    forge_url = str(settings.forge_url).rstrip("/")
    claimant = Claimant(name, this_boot(), forge_url)
    circuit = Circuit(
        forge_url, str(settings.redis_url), fail_max=settings.breaker_fail_max, reset_s=settings.breaker_reset_s
    )
    forge = ForgeClient(forge_url, auth=settings.forge_auth, override_settings=settings.forge_override_settings)
    bell = Bell(str(settings.redis_url))
    reporter = Reporter(shared.store, shared.announcer, circuit, claimant)
    takeover = Takeover(
        shared.store,
        announcer=shared.announcer,
        bell=bell,
        claimant=claimant,
        max_attempts=settings.max_attempts,
        settle_s=settings.heartbeat_s,
    )
    figures = Figures()
    bench = Workbench(
        settings=settings,
        claimant=claimant,
        store=shared.store,
        announcer=shared.announcer,
        forge=forge,
        circuit=circuit,
        gate=Gate(
            store=shared.store,
            forge=forge,
            circuit=circuit,
            reporter=reporter,
            claimant=claimant,
            takeover=takeover,
            figures=figures,
            lease_s=settings.lease_s,
            stop_s=stop_s,
        ),
        saver=Saver(open_image_store(settings.image_store), metadata=settings.image_metadata),
        previews=shared.previews,
        watchers=shared.watchers,
        figures=figures,
        stop_s=stop_s,
    )
    presence = Presence(bench, reporter=reporter, bell=bell, takeover=takeover)
    return Runner(bench, reporter=reporter, presence=presence, takeover=takeover, bell=bell)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What a worker has as every process has it."""

    store: Store
    announcer: Announcer
    previews: Previews
    watchers: Watchers

    @classmethod
    def of(cls, settings: Settings) -> "_Shared":
        redis_url = str(settings.redis_url)
        redis = redis_link.connect(redis_url, rest_s=REDIS_REST_S)
        previews = Previews(redis_link.connect(redis_url, decode=False, rest_s=REDIS_REST_S))
        store, index = Store(str(settings.database_url), pool_size=4), LineIndex(redis)
        live = LiveViews(
            store=store, index=index, previews=previews, seen_within_s=settings.lease_s, fair=settings.fair_share
        )
        announcer = Announcer(index=index, live=live, publisher=Publisher(redis))
        return cls(store, announcer, previews, Watchers(redis, allowed=settings.previews == "on"))
