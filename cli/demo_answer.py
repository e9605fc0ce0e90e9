"""The body of a generation's answer, in Forge's shape, and the ways it can be unusable."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

from PIL import Image

from cli.demo_painter import Format, Picture
from cli.demo_request import effective_sampler
from cli.demo_state import MODELS, Generation

VERSION = "f2.0.1v1.10.1-1.10.1-demo"


def body_of(generation: Generation, format_: Format = "png") -> bytes:
    """Return the JSON body {images, parameters, info}; encoding happens outside the lock, as in Forge."""
    kind = generation.fault.kind if generation.fault else ""
    if kind == "not_json":
        return b"<html><body>It works!</body></html>"
    if kind == "huge":
        return b'{"images": ["' + b"A" * (80 * 2**20) + b'"]}'
    images = b",".join(b'"' + image + b'"' for image in _images(generation, format_, kind))
    parameters = json.dumps(generation.request.model_dump(exclude={"infotext"}))
    info = json.dumps(json.dumps(_info(generation, kind)))
    return b'{"images":[' + images + b'],"parameters":' + parameters.encode() + b',"info":' + info.encode() + b"}"


def infotext(generation: Generation) -> str:
    """Return the text that Forge writes into the file: the prompt, then the parameters."""
    request = generation.request
    sampler, scheduler = effective_sampler(request)
    return (
        f"{request.prompt}\nSteps: {request.steps}, Sampler: {sampler}, Schedule type: {scheduler}, "
        f"CFG scale: {request.cfg_scale:g}, Distilled CFG Scale: {request.distilled_cfg_scale:g}, "
        f"Seed: {generation.seed}, "
        f"Size: {request.width}x{request.height}, Model: {generation.model}, Version: {VERSION}"
    )


def _images(generation: Generation, format_: Format, kind: str) -> list[bytes]:
    if generation.request.send_images is False or kind == "empty":
        return []
    ready = not kind and format_ == "png" and not _has_grid(generation)
    if ready and all(picture.stored for picture, _ in generation.pictures):
        return [picture.stored_text for picture, _ in generation.pictures]
    text = infotext(generation)
    files = [_file(picture, share, text, kind, format_) for picture, share in generation.pictures]
    if _has_grid(generation):
        files.insert(0, files[0])
    encoded = [base64.b64encode(file) for file in files]
    if kind == "truncated":
        return [each[: len(each) // 2 - 1] for each in encoded]
    return [b"data:image/png;base64," + each for each in encoded] if kind == "data_uri" else encoded


def _file(picture: Picture, share: float, text: str, kind: str, format_: Format) -> bytes:
    width, height = picture.image.size
    if kind == "not_image":
        return b"This is not an image." * 9
    if kind == "wrong_size":
        return _plain((width // 2, height))
    if kind == "black":
        return _plain((width, height))
    if kind in ("jpeg", "webp"):
        return picture.encoded(share, text, "jpeg" if kind == "jpeg" else "webp")
    return picture.encoded(share, text, format_)


def _plain(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, "PNG")
    return file.getvalue()


def _has_grid(generation: Generation) -> bool:
    return bool(generation.request.save_images) and len(generation.pictures) > 1


def _info(generation: Generation, kind: str) -> dict[str, Any]:
    request = generation.request
    sampler, _ = effective_sampler(request)
    count = max(1, len(generation.pictures))
    model = next(name for name in MODELS if name != generation.model) if kind == "wrong_model" else generation.model
    return {
        "prompt": request.prompt,
        "all_prompts": [request.prompt] * count,
        "negative_prompt": request.negative_prompt,
        "seed": generation.seed,
        "all_seeds": [generation.seed + number for number in range(count)],
        "subseed": request.subseed,
        "width": request.width,
        "height": request.height,
        "sampler_name": sampler,
        "cfg_scale": request.cfg_scale,
        "steps": request.steps,
        "batch_size": request.batch_size,
        "sd_model_name": model,
        "sd_model_hash": "d3m0f0r6e1",
        "index_of_first_image": int(_has_grid(generation)),
        "infotexts": [infotext(generation)] * count,
        "job_timestamp": generation.timestamp,
        "clip_skip": 1,
        "version": VERSION,
    }
