"""Where several API processes of one host count together: a folder of memory-mapped files, one set for each process.

prometheus_client decides when it is imported how it counts, so this module must be used before that: it imports it only
when a process has ended.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from shared.settings import tell_libraries


@contextmanager
def counted_together(processes: int) -> Iterator[Callable[[Any, Any], None]]:
    """Give the folder to the processes started inside the `with` block; the value is gunicorn's `child_exit`."""
    if processes == 1:
        yield lambda _server, _worker: None
        return
    folder = tempfile.mkdtemp(prefix="forgeline-metrics-")
    tell_libraries(PROMETHEUS_MULTIPROC_DIR=folder)

    def forget(_server: Any, worker: Any) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid, folder)  # type: ignore[no-untyped-call]

    try:
        yield forget
    finally:
        shutil.rmtree(folder, ignore_errors=True)
