"""Plain Celery beside ours: a task posts to the stand-in and throws the picture away; nothing is stored.

Run as `celery -A tests.bench.rival_celery worker`, with RIVAL_BROKER and RIVAL_FORGE in the environment.
"""

import json
import os
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from celery import Celery

from tests.bench.figures import PICTURE

app = Celery("rival", broker=os.environ.get("RIVAL_BROKER", "redis://localhost"))
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=1, worker_concurrency=1)
_links: dict[int, HTTPConnection] = {}

ASKED: dict[str, Any] = {
    **PICTURE,
    "prompt": "x",
    "negative_prompt": "",
    "sampler_name": "Euler",
    "scheduler": "Simple",
    "cfg_scale": 1.0,
    "distilled_cfg_scale": 3.5,
    "send_images": True,
    "save_images": False,
}


@app.task(name="rival.generate")  # type: ignore[untyped-decorator]  # Celery ships no types
def generate(number: int) -> None:
    """One generation."""
    link = _links.setdefault(os.getpid(), HTTPConnection(urlsplit(os.environ["RIVAL_FORGE"]).netloc, timeout=60))
    body = json.dumps({**ASKED, "force_task_id": f"rival-{number}"})
    link.request("POST", "/sdapi/v1/txt2img", body, {"Content-Type": "application/json"})
    link.getresponse().read()
