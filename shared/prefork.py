"""What a Celery parent does before it forks: the same for both kinds of worker."""

import gc
from typing import Any

from celery import signals
from celery.worker.consumer.mingle import Mingle


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
