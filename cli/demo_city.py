"""Cities: towers with lit windows, and the domes and minarets of Istanbul."""

from __future__ import annotations

import random
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw

from cli.demo_colour import Colour, coloured, mix
from cli.demo_land import Ridge, filled
from cli.demo_mood import Mood
from cli.demo_noise import rough_line

Draw = ImageDraw.ImageDraw

_LAMPS: tuple[Colour, ...] = ((255, 214, 140), (255, 190, 110), (214, 226, 255), (255, 236, 190))


@dataclass(frozen=True)
class Tower:
    """One building of a skyline, in pixels; `kind` is the form of its roof."""

    left: int
    right: int
    top: int
    kind: int


def skyline(rng: random.Random, image: Image.Image, mood: Mood, ground: int) -> Image.Image:
    """Stand three rows of towers before each other, with lamps in the windows when it is dark enough."""
    for layer in range(3):
        near = (layer + 1) / 3
        towers = _towers(rng, image.width, image.height * (0.40 - 0.09 * layer), ground)
        tone = mix(mix(mood.haze, mood.sky[-2], 0.4), mood.near, 0.25 + 0.72 * near)
        image = Image.composite(Image.new("RGB", image.size, tone), image, _row(image.size, towers, ground))
        if mood.hour not in ("day", "winter"):
            image = ImageChops.screen(image, _windows(rng, image.size, towers, ground, (near, _share_lit(mood))))
    return image


def istanbul(rng: random.Random, image: Image.Image, mood: Mood, ground: int) -> Image.Image:
    """Draw the old city on its hills: far mosques in the haze, a near one, roofs, a stone tower."""
    for layer in range(2):
        rise = image.height * (0.085 - 0.03 * layer)
        hill = Ridge(rough_line(rng, 65, 0.4), ground - rise, rise)
        tone = mix(mix(mood.haze, mood.sky[-2], 0.35), mood.near, 0.45 + 0.5 * layer)
        town = _town(rng, image.size, hill, ground, near=layer == 1)
        image = Image.composite(Image.new("RGB", image.size, tone), image, town)
        if mood.hour in ("night", "dusk", "sunset"):
            image = ImageChops.screen(image, _house_lamps(rng, image.size, hill, ground, mood))
    return image


def _towers(rng: random.Random, width: int, tallest: float, ground: int) -> list[Tower]:
    """Return one row of towers, taller towards its middle."""
    towers, x = [], -width * 0.02
    middle = rng.uniform(0.3, 0.7)
    while x < width:
        wide = width * rng.uniform(0.02, 0.055)
        reach = 1 - 0.75 * abs(x / width - middle)
        top = ground - tallest * reach * rng.uniform(0.25, 1.0)
        towers.append(Tower(int(x), int(x + wide), int(top), rng.randrange(5)))
        x += wide * rng.uniform(0.85, 1.25)
    return towers


def _row(size: tuple[int, int], towers: list[Tower], ground: int) -> Image.Image:
    def draw_on(draw: Draw, finer: int) -> None:
        for tower in towers:
            _draw_tower(draw, finer, tower, ground)

    return filled(size, draw_on)


def _draw_tower(draw: Draw, finer: int, tower: Tower, ground: int) -> None:
    one, two, roof = tower.left * finer, tower.right * finer, tower.top * finer
    wide, middle = two - one, (one + two) / 2
    draw.rectangle((one, roof, two, (ground + 4) * finer), fill=255)
    if tower.kind == 0:
        draw.polygon([(one, roof), (middle, roof - wide * 0.8), (two, roof)], fill=255)
    if tower.kind == 1:
        draw.rectangle((one + wide * 0.2, roof - wide * 0.4, two - wide * 0.2, roof), fill=255)
        draw.rectangle((middle - finer, roof - wide * 1.4, middle + finer, roof), fill=255)
    if tower.kind == 2:
        draw.polygon([(one, roof), (one, roof - wide * 0.5), (two, roof)], fill=255)


def _share_lit(mood: Mood) -> float:
    return 0.5 if mood.hour == "night" else 0.3 if mood.dark else 0.16


def _windows(
    rng: random.Random, size: tuple[int, int], towers: list[Tower], ground: int, light: tuple[float, float]
) -> Image.Image:
    """Return the lit windows of a row; `light` is (how near, share of lit ones)."""
    near, share = light
    lamps = Image.new("RGB", size)
    draw = ImageDraw.Draw(lamps)
    step = max(3, int(size[1] * (0.006 + 0.004 * near)))
    half = step // 2
    places = (
        (x, y)
        for tower in towers
        for y in range(tower.top + step, ground - half, step)
        for x in range(tower.left + half, tower.right - half, step)
    )
    for x, y in places:
        if rng.random() < share * (0.4 + 0.6 * near):
            colour = mix((0, 0, 0), rng.choice(_LAMPS), rng.uniform(0.35, 0.95) * (0.35 + 0.65 * near))
            draw.rectangle((x, y, x + half - 1, y + half), fill=colour)
    return lamps


def _town(rng: random.Random, size: tuple[int, int], hill: Ridge, ground: int, *, near: bool) -> Image.Image:
    places = [rng.uniform(0.26, 0.44)] if near else [place + rng.uniform(-0.04, 0.04) for place in (0.2, 0.56, 0.86)]
    tower = rng.choice([0.72, 0.78, 0.12])
    radius = size[1] * (0.068 if near else 0.047)

    def draw_on(draw: Draw, finer: int) -> None:
        _hill(draw, finer, size[0], hill, ground)
        _roofs(rng, draw, finer, size[0], hill)
        for place in places:
            foot = ground - (ground - hill.height_at(place)) * 0.9
            _mosque(draw, (place * size[0] * finer, foot * finer), radius * rng.uniform(0.95, 1.2) * finer)
        if near:
            _stone_tower(draw, (tower * size[0] * finer, hill.height_at(tower) * finer), size[1] * 0.15 * finer)

    return filled(size, draw_on, 3)


def _hill(draw: Draw, finer: int, width: int, hill: Ridge, ground: int) -> None:
    points = [(width * finer * i / 128, hill.height_at(i / 128) * finer) for i in range(129)]
    draw.polygon([*points, (width * finer, (ground + 3) * finer), (0, (ground + 3) * finer)], fill=255)


def _roofs(rng: random.Random, draw: Draw, finer: int, width: int, hill: Ridge) -> None:
    x = 0.0
    while x < 1:
        wide = rng.uniform(0.008, 0.02)
        for row in (1.0, 0.6, 0.3):
            foot = hill.top + hill.tall - (hill.top + hill.tall - hill.height_at(x)) * row
            tall = width * rng.uniform(0.006, 0.018)
            left, right, eaves = x * width * finer, (x + wide) * width * finer, (foot - tall) * finer
            draw.rectangle((left, eaves, right, (foot + 6) * finer), fill=255)
            draw.polygon([(left, eaves), ((left + right) / 2, eaves - tall * 0.45 * finer), (right, eaves)], fill=255)
        x += wide * rng.uniform(0.8, 1.3)


def _mosque(draw: Draw, foot: tuple[float, float], s: float) -> None:
    """Draw one mosque; `s` is the radius of its great dome."""
    x, y = foot
    draw.rectangle((x - 1.7 * s, y - 0.75 * s, x + 1.7 * s, y + s), fill=255)
    draw.rectangle((x - 1.05 * s, y - 1.25 * s, x + 1.05 * s, y), fill=255)
    _dome(draw, x, y - 1.25 * s, s)
    for side in (-1, 1):
        _dome(draw, x + side * 1.12 * s, y - 0.75 * s, 0.56 * s)
        _dome(draw, x + side * 1.55 * s, y - 0.55 * s, 0.26 * s)
        _minaret(draw, x + side * 1.85 * s, y, 3.5 * s)
        _minaret(draw, x + side * 1.2 * s, y, 3.0 * s)
    draw.line((x, y - 2.2 * s, x, y - 2.55 * s), fill=255, width=max(2, int(0.05 * s)))


def _dome(draw: Draw, x: float, y: float, radius: float) -> None:
    draw.pieslice((x - radius, y - radius, x + radius, y + radius), 180, 360, fill=255)
    draw.rectangle((x - radius, y - 1, x + radius, y + radius * 0.3), fill=255)


def _minaret(draw: Draw, x: float, foot: float, tall: float) -> None:
    thin = tall * 0.022
    draw.rectangle((x - thin, foot - tall * 0.8, x + thin, foot), fill=255)
    for ring in (0.52, 0.68):
        draw.rectangle((x - thin * 1.9, foot - tall * (ring + 0.02), x + thin * 1.9, foot - tall * ring), fill=255)
    draw.polygon(
        [(x - thin * 1.15, foot - tall * 0.8), (x, foot - tall), (x + thin * 1.15, foot - tall * 0.8)], fill=255
    )


def _stone_tower(draw: Draw, foot: tuple[float, float], tall: float) -> None:
    x, y = foot
    wide = tall * 0.13
    draw.rectangle((x - wide, y - tall * 0.66, x + wide, y + tall * 0.3), fill=255)
    draw.rectangle((x - wide * 1.18, y - tall * 0.70, x + wide * 1.18, y - tall * 0.65), fill=255)
    draw.rectangle((x - wide * 0.85, y - tall * 0.78, x + wide * 0.85, y - tall * 0.68), fill=255)
    draw.polygon([(x - wide, y - tall * 0.77), (x, y - tall * 1.05), (x + wide, y - tall * 0.77)], fill=255)


def _house_lamps(rng: random.Random, size: tuple[int, int], hill: Ridge, ground: int, mood: Mood) -> Image.Image:
    """Return the lights of houses on a hill."""
    light = Image.new("L", size)
    draw = ImageDraw.Draw(light)
    for _ in range(int(size[0] * (0.5 if mood.dark else 0.22))):
        place = rng.random()
        x, y = place * size[0], ground - (ground - hill.height_at(place)) * rng.random() * 0.95 - 1
        radius = size[1] * rng.uniform(0.0006, 0.0016)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=rng.randrange(90, 255))
    return coloured(light, [(0, 0, 0), (255, 176, 90), (255, 226, 160)])
