"""Chance for pictures: seeded dice, noise fields of any size, rough lines."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from PIL import Image, ImageOps


def dice(seed: int | str | None = None) -> random.Random:
    """Return a generator whose throws follow from the seed."""
    return random.Random(seed)  # noqa: S311  # a picture, not a secret


def grain(rng: random.Random, size: tuple[int, int], mode: str = "L") -> Image.Image:
    """Return white noise, one throw a pixel and channel."""
    return Image.frombytes(mode, size, rng.randbytes(size[0] * size[1] * len(mode)))


def clouds(rng: random.Random, size: tuple[int, int], cells: tuple[float, float], octaves: int = 5) -> Image.Image:
    """Return soft noise with that many lumps across and down, each octave half as large and half as strong."""
    whole = Image.new("L", size, 128)
    for octave in reversed(range(octaves)):
        lumps = (max(2, round(cells[0] * 2**octave)), max(2, round(cells[1] * 2**octave)))
        fits = (min(lumps[0], size[0]), min(lumps[1], size[1]))
        layer = grain(rng, fits).resize(size, Image.Resampling.BICUBIC)
        whole = Image.blend(whole, layer, 0.52)
    return ImageOps.autocontrast(whole, cutoff=1)


def warped(rng: random.Random, image: Image.Image, strength: float, cells: int = 14) -> Image.Image:
    """Return the picture as seen through uneven glass; `strength` is a share of its width."""
    width, height = image.size
    reach = strength * width
    knots = {
        (column, row): (
            min(width - 1.0, max(0.0, width * column / cells + rng.uniform(-reach, reach))),
            min(height - 1.0, max(0.0, height * row / cells + rng.uniform(-reach, reach))),
        )
        for column in range(cells + 1)
        for row in range(cells + 1)
    }
    mesh = [_tile(knots, column, row, (width, height, cells)) for column in range(cells) for row in range(cells)]
    return image.transform(image.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def _tile(
    knots: dict[tuple[int, int], tuple[float, float]], column: int, row: int, grid: tuple[int, int, int]
) -> tuple[tuple[int, int, int, int], tuple[float, ...]]:
    """Return a box of the new picture and the four corners it is taken from."""
    width, height, cells = grid
    left, top = width * column // cells, height * row // cells
    box = (left, top, width * (column + 1) // cells, height * (row + 1) // cells)
    corners = ((column, row), (column, row + 1), (column + 1, row + 1), (column + 1, row))
    return box, tuple(value for corner in corners for value in knots[corner])


def shifted(image: Image.Image, right: int, down: int) -> Image.Image:
    """Return the picture moved a little; where nothing moves in, it stays as it was."""
    moved = image.copy()
    moved.paste(image, (right, down))
    return moved


def rough_line(rng: random.Random, points: int, roughness: float) -> list[float]:
    """Return heights in 0…1 along a mountain ridge (midpoint displacement); small `roughness` makes hills."""
    heights = [rng.random(), rng.random(), rng.random()]
    swing = 0.5
    while len(heights) < points:
        finer = []
        for left, right in itertools.pairwise(heights):
            finer += [left, (left + right) / 2 + rng.uniform(-swing, swing)]
        heights = [*finer, heights[-1]]
        swing *= roughness
    low, high = min(heights), max(heights)
    return [(height - low) / max(1e-6, high - low) for height in heights]


def at(line: Sequence[float], share: float) -> float:
    """Return the height of a line at a place in 0…1."""
    place = min(1.0, max(0.0, share)) * (len(line) - 1)
    left = min(int(place), len(line) - 2)
    return line[left] + (line[left + 1] - line[left]) * (place - left)


def eased(share: float) -> float:
    """Return a share of 0…1 that starts and ends slowly."""
    return share * share * (3 - 2 * share)
