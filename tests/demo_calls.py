"""Forge's calls as a plain client makes them, for the tests of the stand-in."""

from __future__ import annotations

import base64
import io
from typing import Any

import requests
from PIL import Image

from tests.demo_process import DemoForge

REQUEST = {"prompt": "a hill", "width": 64, "height": 64, "steps": 4, "seed": 7}


def post(demo: DemoForge, path: str = "/sdapi/v1/txt2img", timeout: float = 30, **body: Any) -> requests.Response:
    return requests.post(demo.url + path, json=body, timeout=timeout)


def generate(demo: DemoForge, task: str, **body: Any) -> requests.Response:
    return post(demo, **{**REQUEST, "force_task_id": task, **body})


def progress(demo: DemoForge, timeout: float = 5) -> dict[str, Any]:
    query = "?skip_current_image=true"
    answer: dict[str, Any] = requests.get(f"{demo.url}/sdapi/v1/progress{query}", timeout=timeout).json()
    return answer


def task(demo: DemoForge, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = post(demo, "/internal/progress", id_task=name, id_live_preview=-1).json()
    return answer


def image_of(answer: requests.Response) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(answer.json()["images"][0], validate=True)))
