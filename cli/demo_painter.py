"""A picture that can be shown at any step: from noise through blur to what it is."""

from __future__ import annotations

import base64
import functools
import io
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageFilter
from PIL.PngImagePlugin import PngInfo

from cli.demo_noise import dice, grain
from cli.demo_scene import compose

PREVIEW_PIXELS = 320
Format = Literal["png", "jpeg", "webp"]


@dataclass(frozen=True)
class Picture:
    """An image and its small copy, from which the previews are made."""

    image: Image.Image
    small: Image.Image
    seed: int
    stored: bytes = b""

    @functools.cached_property
    def stored_text(self) -> bytes:
        """The stored file in base64, for load tests in which the renderer should cost nothing."""
        return base64.b64encode(self.stored)

    def preview(self, share: float) -> bytes:
        """Return a small PNG of the picture as it looks after that share of its steps."""
        return _png(_unfinished(self.small, self.seed, share), PngInfo())

    def encoded(self, share: float, infotext: str, format_: Format = "png") -> bytes:
        """Return the file: whole, or as unfinished as an interrupt left it."""
        if self.stored and format_ == "png":
            return self.stored
        image = self.image if share >= 1 else _unfinished(self.image, self.seed, share)
        if format_ != "png":
            return _compressed(image, format_)
        info = PngInfo()
        info.add_text("parameters", infotext) if infotext.isascii() else info.add_itxt("parameters", infotext)
        return _png(image, info)


def paint(prompt: str, seed: int, size: tuple[int, int]) -> Picture:
    """Paint the picture of a prompt; the same prompt, seed and size give the same pixels."""
    image = compose(prompt, seed, size)
    return Picture(image=image, small=_small(image), seed=seed)


@functools.lru_cache(maxsize=16)
def cached(payload: Literal["noise", "plain"], size: tuple[int, int]) -> Picture:
    """Return a picture for load tests, made once: `noise` weighs 3 bytes a pixel, `plain` next to nothing."""
    noisy = payload == "noise"
    image = grain(dice(1), size, "RGB") if noisy else Image.new("RGB", size, (88, 101, 142))
    return Picture(image=image, small=_small(image), seed=1, stored=_png(image, PngInfo(), level=0 if noisy else 6))


def _small(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS), Image.Resampling.BILINEAR, reducing_gap=2)
    return small


def _unfinished(image: Image.Image, seed: int, share: float) -> Image.Image:
    """Blur away what is not there yet, and lay noise over it."""
    missing = 1 - share
    blurred = image.filter(ImageFilter.GaussianBlur(missing**1.5 * min(image.size) / 12))
    noise = grain(dice(seed), (image.width // 2, image.height // 2), "RGB").resize(image.size)
    return Image.blend(blurred, noise, missing**2 * 0.85)


def _png(image: Image.Image, info: PngInfo, level: int = 3) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=info, compress_level=level)
    return file.getvalue()


def _compressed(image: Image.Image, format_: Format) -> bytes:
    file = io.BytesIO()
    image.save(file, format_.upper(), quality=90)
    return file.getvalue()
