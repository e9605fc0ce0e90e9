"""A lighthouse on its rock."""

from __future__ import annotations

import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from cli.demo_colour import Colour, coloured, dimmed, mix
from cli.demo_land import Ridge, below, filled
from cli.demo_mood import Mood
from cli.demo_noise import at, rough_line
from cli.demo_sky import glow

_LAMP: Colour = (255, 224, 150)


def lighthouse(rng: random.Random, image: Image.Image, mood: Mood, shore: int, sun_x: int) -> Image.Image:
    """Set a lighthouse on a headland, away from the sun; its lamp burns when the day is not bright."""
    left = sun_x > image.width / 2
    place = 0.22 if left else 0.78
    rock = _headland(rng, image, shore, left)
    dark = mix(mood.near, mood.haze, 0.12)
    image = Image.composite(Image.new("RGB", image.size, dark), image, below(image.size, rock))
    foot = (place * image.width, rock.height_at(place) + image.height * 0.012)
    tall = image.height * 0.27
    image = _tower(image, mood, foot, tall)
    lamp = (int(foot[0]), int(foot[1] - tall * 0.93))
    return image if mood.hour in ("day", "winter") else _burning(image, lamp, tall, left)


def _headland(rng: random.Random, image: Image.Image, shore: int, left: bool) -> Ridge:
    """Return a rock that falls from one edge of the picture to the water."""
    rough = rough_line(rng, 129, 0.6)
    places = [(i / 128 if left else 1 - i / 128) for i in range(129)]
    line = [max(-0.3, 1.05 - 2.3 * place**1.3 + 0.3 * (at(rough, place) - 0.5)) for place in places]
    tall = image.height * 0.15
    return Ridge(line, shore - tall, tall)


def _tower(image: Image.Image, mood: Mood, foot: tuple[float, float], tall: float) -> Image.Image:
    """Draw the tower: a white taper with red bands, lit from one side, and its lantern."""
    x, y = foot

    def part(low: float, high: float, wide_low: float, wide_high: float) -> Image.Image:
        corners = [(-wide_low, low), (-wide_high, high), (wide_high, high), (wide_low, low)]

        def draw_on(draw: ImageDraw.ImageDraw, finer: int) -> None:
            draw.polygon([((x + dx * tall) * finer, (y - dy * tall) * finer) for dx, dy in corners], fill=255)

        return filled(image.size, draw_on)

    shade = 0.35 if mood.hour in ("day", "winter", "golden", "dawn") else 0.62
    white, red = mix((240, 236, 228), mood.near, shade), mix((196, 52, 48), mood.near, shade)
    dark = mix(mood.near, (0, 0, 0), 0.3)
    parts: list[tuple[float, float, float, float, Colour]] = [(0.0, 0.82, 0.085, 0.055, white)]
    parts += [(low, low + 0.16, 0.085 - 0.0366 * low, 0.085 - 0.0366 * (low + 0.16), red) for low in (0.14, 0.46)]
    parts += [(0.82, 0.85, 0.085, 0.085, dark), (0.85, 0.97, 0.045, 0.045, mix(_LAMP, dark, 0.25))]
    parts += [(0.97, 1.08, 0.06, 0.0, dark)]
    for low, high, wide_low, wide_high, colour in parts:
        mask = part(low, high, wide_low, wide_high)
        image = Image.composite(Image.new("RGB", image.size, colour), image, mask)
    return image


def _burning(image: Image.Image, lamp: tuple[int, int], tall: float, left: bool) -> Image.Image:
    """Light the lamp: a halo, and a beam over the sea."""
    beam = Image.new("L", image.size)
    reach = image.width * (0.85 if left else -0.85)
    far = [(lamp[0] + reach, lamp[1] - tall * 0.55), (lamp[0] + reach, lamp[1] + tall * 0.05)]
    ImageDraw.Draw(beam).polygon([lamp, *far], fill=90)
    fade = Image.linear_gradient("L").rotate(-90 if left else 90).resize(image.size)
    beam = ImageChops.multiply(beam.filter(ImageFilter.GaussianBlur(tall / 14)), fade)
    halo = dimmed(glow(image.size, lamp, tall * 0.7, 1.8), 0.9)
    core = glow(image.size, lamp, tall * 0.12, 1.0)
    light = ImageChops.add(ImageChops.add(beam, halo), core)
    return ImageChops.screen(image, coloured(light, [(0, 0, 0), mix((0, 0, 0), _LAMP, 0.7), (255, 250, 232)]))
