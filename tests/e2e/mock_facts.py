"""Facts of the contract that the stand-in needs."""

from typing import Any

from shared.domain.texts import TEXTS

Json = dict[str, Any]

TERMINAL = ("complete", "error", "cancelled")
DEFAULTS: Json = {
    "negative_prompt": "",
    "width": 1024,
    "height": 1024,
    "steps": 20,
    "cfg_scale": 1.0,
    "distilled_cfg_scale": 3.5,
    "sampler_name": "Euler",
    "scheduler": "Simple",
    "seed": -1,
    "model": None,
}
ERRORS = {code: texts["en"].replace("{seconds}", "180") for code, texts in TEXTS.items()}
NOT_RETRYABLE = ("forge_rejected", "model_not_found")
