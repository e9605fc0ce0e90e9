"""What a generation request may hold, with Forge's own defaults and Forge's own refusals.

Forge builds its request model from a dataclass: every field is optional, unknown fields are dropped
without a word, types are coerced as pydantic does, and nothing but the type is checked. The stand-in
keeps all of that, so that a client which forgets a field meets the same surprise (steps 50, 512×512).
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

SAMPLERS = (
    "DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 2S a", "DPM++ 3M SDE", "Euler a", "Euler",
    "LMS", "Heun", "DPM2", "DPM2 a", "DPM fast", "DPM adaptive", "Restart", "DDIM", "PLMS", "UniPC", "LCM",
)  # fmt: skip
SCHEDULERS = (
    ("automatic", "Automatic"), ("uniform", "Uniform"), ("karras", "Karras"), ("exponential", "Exponential"),
    ("polyexponential", "Polyexponential"), ("sgm_uniform", "SGM Uniform"), ("kl_optimal", "KL Optimal"),
    ("simple", "Simple"), ("normal", "Normal"), ("ddim", "DDIM"), ("beta", "Beta"), ("turbo", "Turbo"),
)  # fmt: skip


class Txt2Img(BaseModel):
    """The fields of Forge's request that change what comes back."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    prompt: str | None = ""
    negative_prompt: str | None = ""
    seed: int | None = -1
    subseed: int | None = -1
    steps: int | None = 50
    cfg_scale: float | None = 7.0
    distilled_cfg_scale: float | None = 3.5
    width: int | None = 512
    height: int | None = 512
    sampler_name: str | None = None
    sampler_index: str | None = "Euler"
    scheduler: str | None = None
    batch_size: int | None = 1
    n_iter: int | None = 1
    override_settings: dict[str, Any] | None = None
    override_settings_restore_afterwards: bool | None = True
    send_images: bool | None = True
    save_images: bool | None = False
    force_task_id: str | None = None
    infotext: str | None = None
    script_name: str | None = None
    script_args: list[Any] | None = []
    alwayson_scripts: dict[str, Any] | None = {}
    enable_hr: bool | None = False
    hr_additional_modules: list[str] | None = None
    refiner_checkpoint: str | None = None
    styles: list[str] | None = None
    tiling: bool | None = None
    restore_faces: bool | None = None


class Unprocessable(Exception):
    """422, with FastAPI's list of faults or with a plain sentence."""

    def __init__(self, detail: list[dict[str, Any]] | str) -> None:
        super().__init__("422")
        self.detail = detail


def parse(body: bytes) -> Txt2Img:
    """Read a request body as FastAPI does; raise Unprocessable with its `detail`."""
    try:
        request = Txt2Img.model_validate(_json(body))
    except ValidationError as error:
        raise Unprocessable([_fault(fault) for fault in error.errors(include_context=False)]) from error
    _check_scripts(request)
    return request


def effective_sampler(request: Txt2Img) -> tuple[str, str]:
    """Return (sampler, scheduler label): an unknown name becomes the first of the list, silently."""
    name = request.sampler_name or request.sampler_index or ""
    label = _scheduler(request.scheduler)
    for _, suffix in SCHEDULERS:
        if name.endswith(f" {suffix}"):
            name, label = name.removesuffix(f" {suffix}"), suffix
    return (name if name in SAMPLERS else SAMPLERS[0]), label


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        fault = {"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error", "input": {}}
        raise Unprocessable([fault]) from error


def _fault(fault: Any) -> dict[str, Any]:
    return {**fault, "loc": ["body", *fault["loc"]]}


def _check_scripts(request: Txt2Img) -> None:
    unknown = request.script_name or next(iter(request.alwayson_scripts or {}), None)
    if unknown:
        raise Unprocessable(f"Script '{unknown}' not found")


def _scheduler(asked: str | None) -> str:
    return next((label for name, label in SCHEDULERS if asked in (name, label)), "Automatic")
