"""What a Celery parent does before it forks, or ends: the same for both kinds of worker."""

import gc
import sys
from typing import Any

from celery import signals
from celery.worker.consumer.mingle import Mingle

from shared.setting_faults import SettingsError
from shared.settings import Settings

BROKER = "REDIS_URL"


def settings_for(*addresses: str) -> Settings:
    """Read the settings of a Celery app; what is wrong ends the command in words.

    So do missing addresses: a worker needs the broker's and these, beat the broker's.
    """

    def look_again(**_: Any) -> None:
        _or_end(BROKER, *addresses)

    signals.celeryd_init.connect(look_again, weak=False)
    signals.beat_init.connect(_look_for_broker)
    return _or_end()


def _look_for_broker(**_: Any) -> None:
    _or_end(BROKER)


def _or_end(*addresses: str) -> Settings:
    try:
        return Settings.from_env().having(*addresses)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


def prepare() -> None:
    """Start without waiting for other workers, and keep what is loaded shared between the parent and its children."""
    # Mingle has every start wait a second for the clocks and revoked tasks of other workers; we use neither
    Mingle.compatible_transports = frozenset()
    signals.worker_before_create_process.connect(_keep_shared)


def _keep_shared(**_: Any) -> None:
    """Take what is loaded out of the collector's sight: its first full round would copy all of it, 25 MB a process.

    The way that Python's own documentation of `gc.freeze` advises.
    """
    gc.collect()
    gc.freeze()
