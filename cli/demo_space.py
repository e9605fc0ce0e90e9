"""Space: nebulae, stars, a planet with its ring."""

from __future__ import annotations

import colorsys
import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from cli.demo_colour import Colour, coloured, dimmed, levels, mix
from cli.demo_noise import clouds, warped
from cli.demo_sky import glow


def painted_space(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    """Paint a nebula, its stars and one planet."""
    hue = rng.random()
    image = Image.new("RGB", size, (3, 4, 12))
    for number in range(3):
        image = ImageChops.screen(image, _cloud(rng, size, hue + number * rng.uniform(0.08, 0.2)))
    image = ImageChops.screen(image, _stars(rng, size))
    for _ in range(3):
        star = (rng.randrange(size[0]), rng.randrange(size[1]))
        light = dimmed(glow(size, star, min(size) * rng.uniform(0.03, 0.09), 2.6), 0.9)
        image = ImageChops.screen(image, coloured(light, [(0, 0, 0), _tone(hue + 0.1, 0.25, 1.0)]))
    return _with_planet(rng, image, hue)


def _cloud(rng: random.Random, size: tuple[int, int], hue: float) -> Image.Image:
    half = (size[0] // 2, size[1] // 2)
    gas = warped(rng, warped(rng, clouds(rng, half, (2.2, 2.2), 6), 0.06, 9), 0.03, 18)
    shape = levels(warped(rng, clouds(rng, half, (1.5, 1.5), 2), 0.08), 0.35, 0.95)
    light = ImageChops.multiply(levels(gas, 0.3, 1.0, 1.5), shape).resize(size, Image.Resampling.BICUBIC)
    return coloured(
        light, [(0, 0, 0), _tone(hue, 0.9, 0.35), _tone(hue + 0.06, 0.7, 0.8), _tone(hue + 0.14, 0.25, 1.0)]
    )


def _stars(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    sky = Image.new("L", size)
    draw = ImageDraw.Draw(sky)
    for _ in range(size[0] * size[1] // 700):
        x, y, bright = rng.randrange(size[0]), rng.randrange(size[1]), rng.random() ** 6
        radius = 0.4 + 1.5 * bright * size[1] / 1024
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=int(60 + 195 * bright))
    halo = sky.filter(ImageFilter.GaussianBlur(size[1] / 300))
    return coloured(ImageChops.add(sky, halo), [(0, 0, 0), (150, 175, 235), (255, 255, 255)])


def _with_planet(rng: random.Random, image: Image.Image, hue: float) -> Image.Image:
    radius = int(min(image.size) * rng.uniform(0.14, 0.24))
    centre = (int(image.width * rng.uniform(0.25, 0.75)), int(image.height * rng.uniform(0.35, 0.7)))
    ball, mask = _ball(rng, radius, hue + 0.45)
    tilt = rng.uniform(-28, 28)
    behind, before = _ring(rng, image.size, centre, radius, tilt)
    tone = _tone(hue + 0.5, 0.3, 1.0)
    air = dimmed(glow(image.size, centre, radius * 1.5, 1.4), 0.45)
    image = ImageChops.screen(image, coloured(air, [(0, 0, 0), tone]))
    image = ImageChops.screen(image, coloured(behind, [(0, 0, 0), tone]))
    image.paste(ball, (centre[0] - radius, centre[1] - radius), mask)
    return ImageChops.screen(image, coloured(before, [(0, 0, 0), tone]))


def _ball(rng: random.Random, radius: int, hue: float) -> tuple[Image.Image, Image.Image]:
    """Return a planet with bands, lit from the upper left, and its mask."""
    side = radius * 2
    bands = warped(rng, clouds(rng, (side, side), (1.5, 9), 5), 0.03)
    surface = coloured(bands, [_tone(hue, 0.75, 0.35), _tone(hue + 0.04, 0.6, 0.75), _tone(hue + 0.1, 0.3, 0.98)])
    light = (
        Image.radial_gradient("L")
        .resize((side * 2, side * 2))
        .crop((int(side * 0.72), int(side * 0.72), int(side * 1.72), int(side * 1.72)))
    )
    shade = levels(light.resize((side, side)).point([255 - v for v in range(256)]), 0.32, 0.95, 1.1)
    mask = Image.new("L", (side * 2, side * 2))
    ImageDraw.Draw(mask).ellipse((2, 2, side * 2 - 2, side * 2 - 2), fill=255)
    return ImageChops.multiply(surface, Image.merge("RGB", [shade] * 3)), mask.reduce(2)


def _ring(
    rng: random.Random, size: tuple[int, int], centre: tuple[int, int], radius: int, tilt: float
) -> tuple[Image.Image, Image.Image]:
    """Return the ring's far and near halves."""
    wide, flat = radius * 2.3, radius * rng.uniform(0.35, 0.6)
    box = int(wide * 2) + 8
    ring = Image.new("L", (box, box))
    draw = ImageDraw.Draw(ring)
    for band in range(26):
        share = 1 - band / 60
        reach, drop = wide * share, flat * share
        bright = int(150 * (0.45 + 0.55 * math.sin(band * 1.7) ** 2) * rng.uniform(0.5, 1))
        draw.ellipse(
            (box / 2 - reach, box / 2 - drop, box / 2 + reach, box / 2 + drop),
            outline=bright,
            width=max(1, radius // 45),
        )
    far, near = ring.copy(), ring.copy()
    far.paste(0, (0, box // 2, box, box))
    near.paste(0, (0, 0, box, box // 2))
    placed = []
    for half in (far, near):
        whole = Image.new("L", size)
        turned = half.rotate(tilt, Image.Resampling.BICUBIC)
        whole.paste(turned, (centre[0] - box // 2, centre[1] - box // 2))
        placed.append(whole)
    return placed[0], placed[1]


def _tone(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return mix((0, 0, 0), (round(red * 255), round(green * 255), round(blue * 255)), 1.0)
