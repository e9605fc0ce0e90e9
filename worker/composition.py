"""The composition root of a GPU worker: everything is built here, after the fork, and connected later."""

import os

from shared.foundation import Foundation
from shared.images import open_image_store
from shared.setting_rules import without_credentials
from shared.settings import Settings
from shared.store import Claimant
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
from worker.task_events import TaskEvents
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
    base = Foundation.of(settings, pool_size=4, redis_rest_s=REDIS_REST_S)
    redis_url, forge_url = str(settings.redis_url), str(settings.forge_url).rstrip("/")
    shown = without_credentials(forge_url)  # under this name all who drive it know it
    claimant, bell, figures = Claimant(name, this_boot(), shown), Bell(redis_url), Figures()
    circuit = Circuit(shown, redis_url, fail_max=settings.breaker_fail_max, reset_s=settings.breaker_reset_s)
    reporter = Reporter(base.store, base.announcer, circuit, claimant)
    forge, takeover = _forge(settings, forge_url), _takeover(base, settings, claimant, bell)
    gate = Gate(
        store=base.store,
        forge=forge,
        circuit=circuit,
        reporter=reporter,
        claimant=claimant,
        takeover=takeover,
        figures=figures,
        lease_s=settings.lease_s,
        stop_s=stop_s,
    )
    bench = Workbench(
        settings=settings,
        claimant=claimant,
        store=base.store,
        announcer=base.announcer,
        forge=forge,
        circuit=circuit,
        gate=gate,
        saver=Saver(open_image_store(settings.image_store), metadata=settings.image_metadata),
        previews=base.previews,
        watchers=Watchers(base.redis, allowed=settings.previews == "on"),
        figures=figures,
        task_events=TaskEvents(redis_url, node=name),
        stop_s=stop_s,
    )
    presence = Presence(bench, reporter=reporter, bell=bell, takeover=takeover)
    return Runner(bench, reporter=reporter, presence=presence, takeover=takeover, bell=bell)


def _forge(settings: Settings, url: str) -> ForgeClient:
    return ForgeClient(url, auth=settings.forge_auth, override_settings=settings.forge_override_settings)


def _takeover(base: Foundation, settings: Settings, claimant: Claimant, bell: Bell) -> Takeover:
    return Takeover(
        base.store,
        announcer=base.announcer,
        bell=bell,
        claimant=claimant,
        max_attempts=settings.max_attempts,
        heartbeat_s=settings.heartbeat_s,
    )
