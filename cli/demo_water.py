"""Water: what stands above it upside down, broken by waves, with the light's path on it."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from cli.demo_colour import coloured, dimmed, levels, mix, upright
from cli.demo_mood import Mood
from cli.demo_noise import clouds, shifted

#: How much of the light's path is seen; by day and under clouds the water shines all over.
_SHINE = {"storm": 0.35, "day": 0.4, "winter": 0.5}


def flooded(rng: random.Random, image: Image.Image, mood: Mood, shore: int, light_x: int) -> Image.Image:
    """Put water below `shore` and let it mirror what is above."""
    width, deep = image.width, image.height - shore
    mirror = image.crop((0, max(0, shore - deep), width, shore)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    water = _rippled(rng, mirror.resize((width, deep)))
    tint = upright(
        [mix(mood.sky[-1], mood.haze, 0.5), mix(mood.sky[1], mood.near, 0.45), mix(mood.sky[0], mood.near, 0.6)],
        (width, deep),
    )
    depth = Image.linear_gradient("L").resize((width, deep)).point([50 + int(v * 0.42) for v in range(256)])
    water = Image.composite(tint, water, depth)
    water = _waved(rng, water)
    path = dimmed(
        _path_of_light(rng, (width, deep), light_x), _SHINE.get(mood.hour, 0.95) * (0.15 if mood.aurora else 1)
    )
    water = ImageChops.screen(water, coloured(path, [(0, 0, 0), mood.light]))
    image = image.copy()
    image.paste(water, (0, shore))
    return image


def boat(rng: random.Random, image: Image.Image, mood: Mood, shore: int) -> Image.Image:
    """Set one sail on the water."""
    width, height = image.size
    scale = height * rng.uniform(0.045, 0.07)
    x, y = width * rng.choice([0.24, 0.3, 0.68, 0.76]), shore + (height - shore) * 0.16
    sail = Image.new("L", (image.width * 2, image.height * 2))
    draw = ImageDraw.Draw(sail)
    _sail(draw, (x * 2, y * 2), scale * 2, -1)
    shadow = Image.new("L", sail.size)
    _sail(ImageDraw.Draw(shadow), (x * 2, (y + scale * 0.08) * 2), scale * 2, 1)
    dark = Image.new("RGB", image.size, mix(mood.near, (0, 0, 0), 0.35))
    image = Image.composite(dark, image, dimmed(shadow.reduce(2).filter(ImageFilter.GaussianBlur(scale / 18)), 0.4))
    return Image.composite(dark, image, sail.reduce(2))


def _sail(draw: ImageDraw.ImageDraw, foot: tuple[float, float], tall: float, up: int) -> None:
    x, y = foot
    draw.polygon(
        [
            (x - tall * 0.36, y),
            (x + tall * 0.4, y),
            (x + tall * 0.26, y - up * tall * 0.12),
            (x - tall * 0.25, y - up * tall * 0.12),
        ],
        fill=255,
    )
    draw.polygon([(x, y + up * tall * 0.06), (x, y + up * tall), (x + tall * 0.34, y + up * tall * 0.1)], fill=255)
    draw.polygon(
        [
            (x - tall * 0.05, y + up * tall * 0.08),
            (x - tall * 0.04, y + up * tall * 0.8),
            (x - tall * 0.26, y + up * tall * 0.1),
        ],
        fill=255,
    )


def _rippled(rng: random.Random, mirror: Image.Image) -> Image.Image:
    """Shift the mirror image strip by strip; the strips grow towards the viewer."""
    width, deep = mirror.size
    water = mirror.copy()
    y, phase = 0.0, rng.uniform(0, 6)
    while y < deep:
        near = y / deep
        tall = max(1.0, near * deep / 55)
        shift = int((math.sin(phase + y / (2 + 9 * near)) + rng.uniform(-0.8, 0.8)) * width * 0.016 * (0.15 + near))
        strip = mirror.crop((0, int(y), width, int(y + tall) + 1))
        water.paste(shifted(strip, shift, 0), (0, int(y)))
        y += tall
    return water.filter(ImageFilter.GaussianBlur(max(0.6, deep / 400)))


def _waved(rng: random.Random, water: Image.Image) -> Image.Image:
    """Add waves: long streaks, fine at the shore and wide in front."""
    width, deep = water.size
    streaks = clouds(rng, (max(8, width // 4), 256), (3, 40), 3)
    near = streaks.transform(
        (width, deep),
        Image.Transform.QUAD,
        (0, 0, 0, 110, streaks.width, 110, streaks.width, 0),
        Image.Resampling.BILINEAR,
    )
    far = streaks.resize((width, deep))
    fade = Image.linear_gradient("L").resize((width, deep))
    waves = levels(Image.composite(near, far, fade), 0.1, 0.9)
    return Image.blend(water, ImageChops.soft_light(water, Image.merge("RGB", [waves] * 3)), 0.6)


def _path_of_light(rng: random.Random, size: tuple[int, int], light_x: int) -> Image.Image:
    """Return the glitter below sun or moon: short dashes, a narrow path far off and a broad one in front."""
    width, deep = size
    path = Image.new("L", size)
    draw = ImageDraw.Draw(path)
    for _ in range(int(width * 1.1)):
        near = rng.random() ** 1.3
        spread = width * (0.018 + 0.085 * near)
        x, y = light_x + rng.gauss(0, spread), near * deep
        long = width * (0.004 + 0.022 * near) * rng.uniform(0.3, 1.3)
        thick = max(0.6, deep * 0.0045 * near)
        bright = int(255 * math.exp(-abs(x - light_x) / (spread * 2.2)) * (1 - 0.45 * near) * rng.uniform(0.35, 1))
        draw.ellipse((x - long, y - thick, x + long, y + thick), fill=bright)
    return ImageChops.lighter(path, dimmed(path.filter(ImageFilter.GaussianBlur(width / 90)), 0.9))
