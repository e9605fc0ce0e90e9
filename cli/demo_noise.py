"""Chance for pictures: seeded dice, and noise fields of any size."""

from __future__ import annotations

import random

from PIL import Image


def dice(seed: int | str | None = None) -> random.Random:
    """Return a generator whose throws follow from the seed."""
    return random.Random(seed)  # noqa: S311  # a picture, not a secret


def grain(rng: random.Random, size: tuple[int, int], mode: str = "L") -> Image.Image:
    """Return white noise, one throw a pixel and channel."""
    return Image.frombytes(mode, size, rng.randbytes(size[0] * size[1] * len(mode)))
