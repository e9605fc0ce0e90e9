"""The lower half: ridges in the haze, mountains with snow, woods, dunes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw

from cli.demo_colour import Colour, levels, mix, upright
from cli.demo_mood import Mood
from cli.demo_noise import at, clouds, rough_line, shifted, warped

Point = tuple[float, float]


@dataclass(frozen=True)
class Ridge:
    """A line of heights 0…1, drawn over `tall` pixels below `top`."""

    line: Sequence[float]
    top: float
    tall: float

    def height_at(self, place: float) -> float:
        """Return the pixel row of the ridge at a place 0…1 from the left."""
        return self.top + self.tall * (1 - at(self.line, place))


def filled(size: tuple[int, int], draw_on: Callable[[ImageDraw.ImageDraw, int], None], finer: int = 2) -> Image.Image:
    """Return a mask with smooth edges; `draw_on(draw, finer)` draws in white, `finer` times as large."""
    large = Image.new("L", (size[0] * finer, size[1] * finer))
    draw_on(ImageDraw.Draw(large), finer)
    return large.reduce(finer)


def below(size: tuple[int, int], ridge: Ridge) -> Image.Image:
    """Return the mask of all that lies below a ridge."""

    def draw_on(draw: ImageDraw.ImageDraw, finer: int) -> None:
        last = len(ridge.line) - 1
        points = [(size[0] * finer * x / last, ridge.height_at(x / last) * finer) for x in range(last + 1)]
        draw.polygon([*points, (size[0] * finer, size[1] * finer), (0, size[1] * finer)], fill=255)

    return filled(size, draw_on)


def hills(rng: random.Random, image: Image.Image, mood: Mood, horizon: int, layers: int = 5) -> Image.Image:
    """Lay ridge before ridge, each nearer, darker and clearer; fog stands in the valleys between."""
    height = image.height
    for layer in range(layers):
        near = (layer + 1) / layers
        top = horizon - height * 0.10 * (1 - near) + (height - horizon) * 0.85 * near**1.6 - height * 0.06
        ridge = Ridge(rough_line(rng, 257, 0.42 + 0.08 * near), top, height * (0.09 + 0.05 * near))
        mask = below(image.size, ridge)
        crest, foot = _tones(mood, near)
        fill = _slope(image.size, crest, foot, (top, height * 0.32))
        image = Image.composite(_meadow(rng, fill, near), image, mask)
        if layer in (layers - 1, layers - 2):
            trees = _row_of_trees(rng, image.size, ridge, near)
            image = Image.composite(Image.new("RGB", image.size, crest), image, trees)
    return image


def mountains(rng: random.Random, image: Image.Image, mood: Mood, horizon: int, sun_left: bool) -> Image.Image:
    """Raise three rows of rock with light on one side and snow on top."""
    height = image.height
    for layer in range(3):
        near = (layer + 1) / 4
        tall = height * (0.30 - 0.05 * layer)
        top = horizon - tall * (0.92 - 0.16 * layer)
        mask = below(image.size, Ridge(rough_line(rng, 513, 0.56), top, tall))
        rock = _rock(rng, image.size, mood, near, sun_left)
        if layer < 2:
            rock = _snowy(rng, rock, mood, (top, tall), sun_left)
        fog = Image.new("RGB", image.size, mix(mood.haze, mood.sky[-1], 0.3))
        veil = _slope(image.size, (40, 40, 40), (225, 225, 225), (top + tall * 0.25, tall * 0.95)).convert("L")
        image = Image.composite(
            Image.composite(fog, rock, veil.point([int(v * (1 - near * 0.7)) for v in range(256)])), image, mask
        )
    return image


def forest(rng: random.Random, image: Image.Image, mood: Mood, horizon: int) -> Image.Image:
    """Stand rows of firs before each other, the far ones in mist."""
    height = image.size[1]
    for layer in range(5):
        near = (layer + 1) / 5
        top = horizon - height * 0.02 + (height - horizon) * 0.75 * near**1.4 - height * 0.05
        ridge = Ridge(rough_line(rng, 129, 0.4), top, height * 0.06)
        crest, foot = _tones(mood, near)
        ground = below(image.size, ridge)
        trees = _row_of_trees(rng, image.size, ridge, 0.5 + near, every=0.013 + 0.03 * near)
        fill = _slope(image.size, crest, mix(foot, mood.haze, 0.35 * (1 - near)), (top - height * 0.1, height * 0.3))
        image = Image.composite(fill, image, ImageChops.lighter(ground, trees))
    return image


def dunes(rng: random.Random, image: Image.Image, mood: Mood, horizon: int, sun_left: bool) -> Image.Image:
    """Roll dunes to the front, each with a lit and a shaded flank."""
    height = image.size[1]
    sand = mix(mood.light, (226, 166, 104), 0.65)
    shade = mix(mix(sand, mood.near, 0.62), (110, 50, 50), 0.15)
    for layer in range(5):
        near = (layer + 1) / 5
        top = horizon - height * 0.03 + (height - horizon) * 0.8 * near**1.5 - height * 0.07
        tall = height * (0.05 + 0.09 * near)
        line = rough_line(rng, 9, 0.35)
        line = [at(line, x / 200) for x in range(201)]
        mask = below(image.size, Ridge(_smooth(line), top, tall))
        lit, dark = mix(sand, mood.haze, 0.6 * (1 - near)), mix(shade, mood.haze, 0.6 * (1 - near))
        flank = levels(warped(rng, clouds(rng, (256, 256), (2.5, 1.2), 2), 0.06), 0.38, 0.62).resize(image.size)
        light, other = (lit, dark) if sun_left else (dark, lit)
        body = Image.composite(Image.new("RGB", image.size, light), Image.new("RGB", image.size, other), flank)
        image = Image.composite(
            Image.blend(body, _slope(image.size, lit, dark, (top, height * 0.3)), 0.45), image, mask
        )
    return image


def _tones(mood: Mood, near: float) -> tuple[Colour, Colour]:
    crest = mix(mix(mood.haze, mood.sky[-2], 0.45), mood.near, 0.12 + 0.88 * near**1.1)
    return crest, mix(crest, mood.haze, 0.55 * (1 - near) + 0.05)


def _slope(size: tuple[int, int], crest: Colour, foot: Colour, span: tuple[float, float]) -> Image.Image:
    """Return a fill that goes from `crest` to `foot` over `span` (top, height)."""
    whole = Image.new("RGB", size, crest)
    top, tall = int(span[0]), max(2, int(span[1]))
    whole.paste(upright([crest, mix(crest, foot, 0.5), foot], (size[0], tall)), (0, top))
    whole.paste(foot, (0, min(size[1], top + tall), size[0], size[1]))
    return whole


def _meadow(rng: random.Random, fill: Image.Image, near: float) -> Image.Image:
    """Let light and shade lie on a slope."""
    small = (fill.width // 3, fill.height // 3)
    lumps = clouds(rng, small, (5 - 2 * near, 14 - 6 * near), 5)
    relief = ImageChops.subtract(lumps, shifted(lumps, 2, 3), 0.6, 128).resize(fill.size, Image.Resampling.BICUBIC)
    return Image.blend(fill, ImageChops.soft_light(fill, Image.merge("RGB", [relief] * 3)), 0.35 + 0.4 * near)


def _rock(rng: random.Random, size: tuple[int, int], mood: Mood, near: float, sun_left: bool) -> Image.Image:
    stone = mood.near if mood.dark else mix(mood.near, (92, 84, 96), 0.6)
    base = mix(mix(mood.haze, mood.sky[1], 0.55), stone, 0.3 + 0.7 * near)
    facets = warped(rng, clouds(rng, size, (9, 6), 7), 0.009, 30)
    aside = 4 if sun_left else -4
    relief = ImageChops.subtract(facets, shifted(facets, aside, 3), 0.3, 128)
    body = Image.new("RGB", size, base)
    return ImageChops.overlay(body, Image.merge("RGB", [relief] * 3))


def _snowy(rng: random.Random, rock: Image.Image, mood: Mood, span: tuple[float, float], sun_left: bool) -> Image.Image:
    size = rock.size
    patches = warped(rng, clouds(rng, size, (10, 6), 7), 0.009, 30)
    aside = 5 if sun_left else -5
    lit = ImageChops.subtract(patches, shifted(patches, aside, 3), 0.3, 140)
    height = _slope(size, (255, 255, 255), (0, 0, 0), (span[0] - span[1] * 0.1, span[1] * 0.85)).convert("L")
    mask = levels(ImageChops.add(height, patches, 2), 0.5, 0.58)
    bright, dark = mix(mood.light, (255, 255, 255), 0.35), mix(mood.sky[1], mood.cloud_lit, 0.35)
    snow = Image.composite(Image.new("RGB", size, bright), Image.new("RGB", size, dark), levels(lit, 0.35, 0.75))
    return Image.composite(snow, rock, mask)


def _row_of_trees(
    rng: random.Random, size: tuple[int, int], ridge: Ridge, scale: float, every: float = 0.02
) -> Image.Image:
    """Return the mask of firs that stand along a ridge."""

    def draw_on(draw: ImageDraw.ImageDraw, finer: int) -> None:
        x = -0.02
        while x < 1.02:
            x += every * rng.uniform(0.3, 1.3)
            foot = (ridge.height_at(x) + 4) * finer
            tall = size[1] * finer * 0.085 * scale * rng.uniform(0.5, 1.2)
            _fir(rng, draw, (x * size[0] * finer, foot), tall)

    return filled(size, draw_on)


def _fir(rng: random.Random, draw: ImageDraw.ImageDraw, foot: Point, tall: float) -> None:
    x, y = foot
    wide = tall * rng.uniform(0.19, 0.26)
    for step in range(6):
        low = y - tall * 0.155 * step
        reach = wide * (1 - step / 6.6)
        drop = tall * 0.035
        draw.polygon(
            [(x - reach, low + drop), (x, low - tall * 0.3), (x + reach, low + drop), (x, low - drop)], fill=255
        )


def _smooth(line: Sequence[float]) -> list[float]:
    """Round a line off, by a moving mean."""
    return [sum(line[max(0, i - 8) : i + 9]) / len(line[max(0, i - 8) : i + 9]) for i in range(len(line))]
