"""What is loaded before the fork stays shared: a child's collector does not copy it."""

import subprocess
import sys
import warnings

from celery.exceptions import CPendingDeprecationWarning
from celery.worker.consumer.consumer import CANCEL_TASKS_BY_DEFAULT

from shared import prefork

FORKED = """
import gc, os, psutil, sys
import worker.attempt
from celery import signals
from shared import prefork

prefork.prepare()
if sys.argv[1] == "told":
    signals.worker_before_create_process.send(sender=None)
if not os.fork():
    own = lambda: psutil.Process().memory_full_info().uss
    before = own()
    gc.collect()
    print(own() - before, flush=True)
    os._exit(0)
os.wait()
"""


def copied(how: str) -> int:
    """Return the bytes that a child's first full collection copies."""
    said = subprocess.run([sys.executable, "-c", FORKED, how], capture_output=True, text=True, check=True, timeout=60)
    return int(said.stdout)


def test_a_childs_first_full_collection_copies_nearly_nothing() -> None:
    assert copied("told") < copied("untold") / 5


def test_a_broker_that_was_lost_brings_no_word_on_the_next_celery() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        prefork.prepare()
        warnings.warn(CANCEL_TASKS_BY_DEFAULT, CPendingDeprecationWarning, stacklevel=1)
    assert not told
