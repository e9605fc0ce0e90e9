"""Facts of the contract that the stand-in needs."""

from typing import Any

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
ERRORS = {
    "forge_timeout": "The Forge API timed out (180s). Please try again.",
    "forge_out_of_memory": "The image server ran out of memory for this size. Try a smaller one.",
    "forge_rejected": "The image server did not accept this request.",
    "cancelled": "The job was cancelled.",
}
NOT_RETRYABLE = ("forge_rejected", "model_not_found")
