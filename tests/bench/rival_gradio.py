"""Gradio's queue beside ours: `python -m tests.bench.rival_gradio JOBS SECONDS` prints its gaps as JSON.

A function that sleeps stands behind its queue; every job is there before the first begins. Nothing is stored.
"""

import json
import sys
import threading
import time
from itertools import pairwise
from typing import Any

import gradio  # type: ignore[import-not-found]  # not in the development set


def main(jobs: int, seconds: float) -> None:
    """Measure, and print {"gaps_ms": […]}."""
    moments: list[tuple[float, float]] = []
    ready = threading.Event()

    def work(number: float) -> float:
        ready.wait(30)
        began = time.monotonic()
        time.sleep(seconds)
        moments.append((began, time.monotonic()))
        return number

    page = gradio.Interface(work, "number", "number", api_name="work")
    page.queue(max_size=None, default_concurrency_limit=1)
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
    asked = _submit(url, jobs)
    ready.set()
    for job in asked:
        job.result(timeout=120)
    page.close()
    moments.sort()
    gaps = [1000 * (after[0] - before[1]) for before, after in pairwise(moments)]
    print(json.dumps({"gaps_ms": gaps}))


def _submit(url: str, jobs: int) -> list[Any]:
    from gradio_client import Client  # type: ignore[import-not-found]  # comes with it

    client = Client(url, verbose=False)
    return [client.submit(number, api_name="/work") for number in range(jobs)]


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
