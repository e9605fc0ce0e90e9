"""The upper half of a picture: air, light, clouds, stars, aurora."""

from __future__ import annotations

import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from cli.demo_colour import coloured, dimmed, levels, mix, upright
from cli.demo_mood import Mood
from cli.demo_noise import at, clouds, dice, eased, grain, rough_line, shifted

Size = tuple[int, int]

#: One fold of an aurora: faint above, bright below, and out again over its last quarter.
_STRIP = Image.new("L", (1, 256))
_STRIP.putdata([int(255 * (v / 190) ** 2) if v < 190 else int(255 * ((255 - v) / 65) ** 1.5) for v in range(256)])


def painted_sky(rng: random.Random, mood: Mood, size: Size, horizon: int, sun: tuple[int, int]) -> Image.Image:
    """Paint everything above the horizon; below it the horizon's colour goes on."""
    sky = Image.new("RGB", size, mood.sky[-1])
    sky.paste(upright(mood.sky, (size[0], horizon)), (0, 0))
    if mood.dark:
        sky = ImageChops.screen(sky, _stars(rng, size, horizon, 0.9 if mood.hour == "night" else 0.35))
    if mood.aurora:
        sky = ImageChops.screen(sky, _aurora(rng, size, horizon))
    sky = _lit(sky, mood, sun)
    sky = _clouded(rng, sky, mood, horizon, sun)
    return _disc(sky, mood, sun)


def glow(size: Size, centre: tuple[int, int], radius: float, gamma: float) -> Image.Image:
    """Return a grey picture with one soft light in it."""
    spot = Image.radial_gradient("L").point([255 - v for v in range(256)])
    spot = levels(spot, 0.29, 1.0, gamma).resize((max(2, int(radius * 2)),) * 2, Image.Resampling.BICUBIC)
    whole = Image.new("L", size)
    whole.paste(spot, (int(centre[0] - radius), int(centre[1] - radius)))
    return whole


def _stars(rng: random.Random, size: Size, horizon: int, strength: float) -> Image.Image:
    sky = Image.new("L", size)
    draw = ImageDraw.Draw(sky)
    for _ in range(int(size[0] * horizon / 900)):
        x, y = rng.randrange(size[0]), int(horizon * rng.random() ** 1.2)
        bright = rng.random() ** 5
        light = int((70 + 185 * bright) * strength * (1 - 0.75 * (y / horizon) ** 2))
        radius = 0.5 + 1.2 * bright * size[1] / 1024
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=light)
    halo = sky.filter(ImageFilter.GaussianBlur(size[1] / 340))
    return coloured(ImageChops.add(sky, halo), [(0, 0, 0), (150, 175, 230), (255, 255, 255)])


def _aurora(rng: random.Random, size: Size, horizon: int) -> Image.Image:
    """Hang curtains of light, each a row of thin upright strips along a wavy line."""
    width, height = 320, 200
    light = Image.new("L", (width, height))
    for number in range(3):
        light = ImageChops.screen(light, _curtain(rng, (width, height), 0.5 + 0.2 * number))
    light = light.filter(ImageFilter.GaussianBlur(1.2)).resize((size[0], horizon), Image.Resampling.BICUBIC)
    stops = [(70, 20, 110), (170, 60, 190), (70, 190, 190), (80, 255, 160), (150, 255, 190)]
    colours = upright(stops, (size[0], horizon))
    whole = Image.new("RGB", size)
    whole.paste(ImageChops.multiply(colours, Image.merge("RGB", [light] * 3)), (0, 0))
    return whole


def _curtain(rng: random.Random, size: Size, foot: float) -> Image.Image:
    width, height = size
    line, pleats, fine = rough_line(rng, 9, 0.35), rough_line(rng, 65, 0.7), rough_line(rng, 257, 0.85)
    reach, swing = rng.uniform(0.5, 0.85), rng.uniform(0.15, 0.3)
    curtain = Image.new("L", size)
    for x in range(width):
        place = x / width
        base = int((foot - swing * eased(at(line, place))) * height + 0.22 * height)
        tall = max(8, int(reach * height * (0.35 + 0.65 * at(pleats, place))))
        light = (0.15 + 0.65 * at(pleats, 1 - place)) * (0.5 + 0.5 * at(fine, place))
        curtain.paste(dimmed(_STRIP.resize((1, tall)), light), (x, base - tall))
    return curtain


def _lit(sky: Image.Image, mood: Mood, sun: tuple[int, int]) -> Image.Image:
    """Spread the light of sun or moon over the air."""
    reach = max(sky.size) * (0.75 if mood.low_sun else 0.45)
    strength = 0.1 if mood.aurora else 0.35 if mood.hour in ("night", "storm") else 0.8
    wide = dimmed(glow(sky.size, sun, reach, 1.5), strength)
    near = dimmed(glow(sky.size, sun, reach / 3, 1.9), strength)
    warm = mix(mood.light, mood.sky[-1], 0.35)
    sky = ImageChops.screen(sky, coloured(wide, [(0, 0, 0), mix((0, 0, 0), warm, 0.75)]))
    return ImageChops.screen(sky, coloured(near, [(0, 0, 0), mood.light]))


def _clouded(rng: random.Random, sky: Image.Image, mood: Mood, horizon: int, sun: tuple[int, int]) -> Image.Image:
    size, half = sky.size, (sky.width // 2, max(8, horizon // 2))
    brim = max(4, half[0] // 25)
    whole = (half[0] + 2 * brim, half[1] + 2 * brim)
    lumps = clouds(rng, whole, (rng.uniform(2, 4), rng.uniform(5, 9)), 6)
    aside = (brim // 2 * (1 if sun[0] < size[0] / 2 else -1), -max(1, brim // 3))
    side = ImageChops.subtract(lumps, shifted(lumps, *aside), 0.45, 110)
    lumps, side = (each.crop((brim, brim, brim + half[0], brim + half[1])) for each in (lumps, side))
    thick = levels(lumps, 0.78 - 0.45 * mood.cloudiness, 1.05 - 0.2 * mood.cloudiness, 1.1)
    shade = coloured(side, [mood.cloud_shade, mix(mood.cloud_shade, mood.cloud_lit, 0.55), mood.cloud_lit, mood.light])
    fade = Image.linear_gradient("L").resize(half).point([int(v * (0.55 + 0.45 * v / 255)) for v in range(256)])
    mask = ImageChops.multiply(thick, fade.point([90 + int(v * 0.62) for v in range(256)]))
    shown = Image.new("L", size)
    shown.paste(mask.resize((size[0], horizon), Image.Resampling.BICUBIC), (0, 0))
    cover = Image.new("RGB", size, mood.cloud_lit)
    cover.paste(shade.resize((size[0], horizon), Image.Resampling.BICUBIC), (0, 0))
    return Image.composite(cover, sky, dimmed(shown, 0.92))


def _disc(sky: Image.Image, mood: Mood, sun: tuple[int, int]) -> Image.Image:
    """Set the sun, or a moon with its spots, into the sky."""
    radius = int(min(sky.size) * (0.045 if mood.low_sun else 0.032)) + 1
    if mood.hour == "storm" or mood.aurora:
        return sky
    disc = Image.new("L", (radius * 8, radius * 8))
    ImageDraw.Draw(disc).ellipse((radius * 2, radius * 2, radius * 6, radius * 6), fill=255)
    disc = disc.resize((radius * 4, radius * 4), Image.Resampling.LANCZOS)
    face = Image.new("RGB", disc.size, mix(mood.light, (255, 255, 255), 0.6))
    if mood.hour == "night":
        spots = grain(dice(7), (7, 7)).resize(disc.size, Image.Resampling.BICUBIC)
        face = Image.composite(face, Image.new("RGB", disc.size, (196, 206, 226)), levels(spots, 0.25, 0.75))
    sky.paste(face, (sun[0] - radius * 2, sun[1] - radius * 2), disc)
    halo = dimmed(glow(sky.size, sun, radius * 6, 1.5), 0.6)
    return ImageChops.screen(sky, coloured(halo, [(0, 0, 0), mood.light]))
