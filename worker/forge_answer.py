"""Is Forge's 200 really our image? Everything is checked that can be without decoding the pixels.

Forge answers 200 also when it was interrupted (no image, or a half-done one), and renders silently with another
sampler or model than the one asked. What is wrong becomes `bad_image` or `model_not_found`; what was really used is
returned with the image. The pixels are decoded in `worker.saver`.
"""

from __future__ import annotations

import binascii
import io
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import orjson
import pybase64
from PIL import Image, UnidentifiedImageError

from shared.domain.failures import FailureKind
from shared.domain.params import MAX_SEED, GenerationParams
from worker.forge_failure import ForgeFailure

FORMATS = ("PNG", "JPEG", "WEBP")
END_OF_PNG = b"IEND\xaeB`\x82"

_HASH = re.compile(r"\s*\[[0-9a-f]+\]$", re.I)
_EXTENSIONS = frozenset({".safetensors", ".ckpt", ".gguf", ".sft", ".pt"})


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """An image file as Forge made it, and what it was really made with.

    `png` is PNG unless this Forge is configured to answer JPEG or WebP; `worker.saver` makes PNG of those.
    """

    png: bytes
    width: int
    height: int
    seed: int
    sampler_name: str
    model: str | None
    job_timestamp: str


def read_answer(body: bytes, params: GenerationParams, *, seed: int) -> GeneratedImage:
    """Return the image in the body of a 200; raises ForgeFailure."""
    answer = _object(body, "the answer")
    info = _info(answer.get("info"))
    file = _decoded(_first_image(answer.get("images"), info.get("index_of_first_image")))
    _check_size(file, (params.width, params.height))
    model = _text(info.get("sd_model_name"))
    if params.model and model and not same_model(params.model, model):
        raise ForgeFailure(FailureKind.MODEL_NOT_FOUND, f"rendered with {model}", sent=True)
    return GeneratedImage(
        png=file,
        width=params.width,
        height=params.height,
        seed=_seed(info.get("seed"), seed),
        sampler_name=_text(info.get("sampler_name")) or params.sampler_name,
        model=model,
        job_timestamp=_text(info.get("job_timestamp")) or "",
    )


def same_model(asked: str, used: str) -> bool:
    """Tell whether a model's name, title or file name means the same file as another."""
    return _stem(asked) == _stem(used)


def _bad(detail: str) -> ForgeFailure:
    return ForgeFailure(FailureKind.BAD_IMAGE, detail, sent=True)


def _object(text: bytes | str, what: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except (ValueError, RecursionError):
        raise _bad(f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise _bad(f"{what} is not an object")
    return value


def _info(info: object) -> dict[str, Any]:
    """Read `info`, a JSON string in Forge; an answer without it is only poorer."""
    if isinstance(info, str) and info:
        return _object(info, "info")
    return info if isinstance(info, dict) else {}


def _first_image(images: object, index: object) -> str:
    """Return the first real image: a grid stands before it when the server also saves."""
    first = index if type(index) is int and index >= 0 else 0
    if not isinstance(images, list) or len(images) <= first:
        raise _bad("no image in the answer")
    image = images[first]
    if not isinstance(image, str):
        raise _bad("the image is not text")
    return image


def _decoded(encoded: str) -> bytes:
    try:
        return pybase64.b64decode(encoded.partition(",")[2] if encoded.startswith("data:") else encoded, validate=True)
    except (binascii.Error, ValueError):
        raise _bad("the image is not base64") from None


def _check_size(file: bytes, wanted: tuple[int, int]) -> None:
    """Look at the header, and at the end of a PNG: a truncated one has none."""
    try:
        with Image.open(io.BytesIO(file), formats=FORMATS) as image:
            size, format_ = image.size, image.format
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        raise _bad("not a PNG, JPEG or WebP image") from None
    if size != wanted:
        raise _bad(f"{size[0]}x{size[1]} instead of {wanted[0]}x{wanted[1]}")
    if format_ == "PNG" and not file.rstrip(b"\0").endswith(END_OF_PNG):
        raise _bad("the PNG is truncated")


def _stem(name: str) -> str:
    path = PurePath(_HASH.sub("", name).replace("\\", "/"))
    return (path.stem if path.suffix.lower() in _EXTENSIONS else path.name).lower()


def _seed(told: object, sent: int) -> int:
    return told if type(told) is int and 0 <= told <= MAX_SEED else sent


def _text(value: object) -> str | None:
    """Return a text that PostgreSQL takes, too; None for what is none."""
    return value.replace("\0", "") or None if isinstance(value, str) else None
