"""What the stand-in says about itself: samplers, schedulers, models, memory, options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from flask import Blueprint, Response, jsonify, request

from cli.demo_machine import Machine
from cli.demo_request import SAMPLERS, SCHEDULERS
from cli.demo_state import MODELS


@dataclass
class Manners:
    """Which server the stand-in speaks like; changeable while it runs."""

    webui: bool = True
    dialect: Literal["forge", "a1111"] = "forge"
    auth: str = ""
    boot_until: float = 0.0
    options: dict[str, Any] = field(
        default_factory=lambda: {
            "samples_format": "png",
            "enable_pnginfo": True,
            "live_previews_enable": True,
            "live_previews_image_format": "png",
            "show_progress_every_n_steps": 1,
            "sd_model_checkpoint": MODELS[0],
            "forge_additional_modules": [],
            "CLIP_stop_at_last_layers": 1,
        }
    )


def lists() -> Blueprint:
    """Return the routes of the names that a request may use."""
    routes = Blueprint("lists", __name__, url_prefix="/sdapi/v1")

    @routes.get("/samplers")
    def samplers() -> Response:
        return jsonify([{"name": name, "aliases": [], "options": {}} for name in SAMPLERS])

    @routes.get("/schedulers")
    def schedulers() -> Response:
        extra = {"aliases": None, "default_rho": -1.0, "need_inner_model": False}
        return jsonify([{"name": name, "label": label, **extra} for name, label in SCHEDULERS])

    @routes.get("/sd-models")
    def models() -> Response:
        folder = "/srv/forge/models/Stable-diffusion"
        extra = {"hash": None, "sha256": None, "config": None}
        return jsonify(
            [
                {
                    "title": f"{name}.safetensors",
                    "model_name": name,
                    "filename": f"{folder}/{name}.safetensors",
                    **extra,
                }
                for name in MODELS
            ]
        )

    return routes


def options(machine: Machine, manners: Manners) -> Blueprint:
    """Return the routes of memory and options; options apply at once, outside the lock."""
    routes = Blueprint("options", __name__, url_prefix="/sdapi/v1")

    @routes.get("/memory")
    def memory() -> Response:
        return jsonify({"ram": {"free": 2**30, "used": 2**30, "total": 2**31}, "cuda": {"error": "unavailable"}})

    @routes.get("/options")
    def get_options() -> Response:
        return jsonify(manners.options)

    @routes.post("/options")
    def set_options() -> Response:
        wanted = request.get_json(force=True)
        model = wanted.get("sd_model_checkpoint")
        if model is not None and model not in MODELS:
            raise RuntimeError(f"model {model!r} not found")
        manners.options.update(wanted)
        machine.model = model or machine.model
        return jsonify(None)

    return routes
