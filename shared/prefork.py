"""What a Celery parent does before it forks, or ends: the same for both kinds of worker."""

import gc
import re
import sys
import warnings
from typing import Any

from celery import signals
from celery.exceptions import CPendingDeprecationWarning
from celery.worker.consumer.consumer import CANCEL_TASKS_BY_DEFAULT
from celery.worker.consumer.gossip import Gossip
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
    """Listen to no other worker, and keep what is loaded shared between the parent and its children.

    Celery tells at every loss of the broker what its next version will do to acknowledged late tasks; ours are not.
    """
    warnings.filterwarnings("ignore", re.escape(CANCEL_TASKS_BY_DEFAULT), CPendingDeprecationWarning)
    # Mingle has every start wait a second for the clocks and revoked tasks of other workers, Gossip has each worker
    # read every other's heartbeats, and logs a traceback when the broker is lost; we use none of it
    Mingle.compatible_transports = Gossip.compatible_transports = frozenset()
    signals.worker_before_create_process.connect(_keep_shared)


def _keep_shared(**_: Any) -> None:
    """Take what is loaded out of the collector's sight: its first full round would copy all of it, 25 MB a process.

    The way that Python's own documentation of `gc.freeze` advises.
    """
    gc.collect()
    gc.freeze()
