"""The picture of a prompt: sky, land or water, finish, label. The same prompt, seed and size give the same pixels."""

from __future__ import annotations

import hashlib
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from cli import demo_city, demo_coast, demo_land, demo_water
from cli.demo_label import labelled
from cli.demo_mood import Mood, read
from cli.demo_noise import dice, grain
from cli.demo_sky import painted_sky
from cli.demo_space import painted_space

#: Below this side a picture is painted larger and shrunk: the brushes have a finest size.
SMALLEST = 256
LARGEST_AREA = 512 * 1024


def compose(prompt: str, seed: int, size: tuple[int, int]) -> Image.Image:
    """Paint the picture of a prompt."""
    rng = dice(hashlib.sha256(f"{seed}|{prompt}".encode(errors="surrogatepass")).hexdigest())
    scale = max(1.0, min(SMALLEST / min(size), (LARGEST_AREA / (size[0] * size[1])) ** 0.5))
    canvas = (round(size[0] * scale), round(size[1] * scale))
    mood = read(prompt, rng)
    image = painted_space(rng, canvas) if mood.place == "space" else _landscape(rng, mood, canvas)
    image = _finished(rng, image)
    image = image if canvas == size else image.resize(size, Image.Resampling.LANCZOS)
    return labelled(image, prompt)


def _landscape(rng: random.Random, mood: Mood, size: tuple[int, int]) -> Image.Image:
    width, height = size
    horizon = int(height * rng.uniform(0.56, 0.64))
    sun_x = int(width * rng.choice([0.26, 0.36, 0.62, 0.72]) + rng.uniform(-0.04, 0.04) * width)
    sun_y = int(horizon * (rng.uniform(0.72, 0.86) if mood.low_sun else rng.uniform(0.22, 0.42)))
    image = painted_sky(rng, mood, size, horizon, (sun_x, sun_y))
    image = _with_place(rng, image, mood, horizon, sun_x)
    return _with_birds(rng, image, mood, horizon) if not mood.dark else image


def _with_place(rng: random.Random, image: Image.Image, mood: Mood, horizon: int, sun_x: int) -> Image.Image:
    left = sun_x < image.width / 2
    match mood.place:
        case "sea" | "city" | "istanbul":
            image = _by_the_water(rng, image, mood, horizon, sun_x)
        case "desert":
            image = demo_land.dunes(rng, image, mood, horizon, left)
        case "forest":
            image = demo_land.forest(rng, demo_land.mountains(rng, image, mood, horizon, left), mood, horizon)
        case "mountains":
            image = _below_mountains(rng, demo_land.mountains(rng, image, mood, horizon, left), mood, horizon, sun_x)
        case _:
            image = demo_land.hills(rng, image, mood, horizon)
    return image


def _by_the_water(rng: random.Random, image: Image.Image, mood: Mood, horizon: int, sun_x: int) -> Image.Image:
    if mood.place == "sea":
        if mood.lighthouse:
            image = demo_coast.lighthouse(rng, image, mood, horizon, sun_x)
            return demo_water.flooded(rng, image, mood, horizon, sun_x)
        image = demo_land.hills(rng, image, mood, horizon - int(image.height * 0.03), 2)
        return demo_water.boat(rng, demo_water.flooded(rng, image, mood, horizon, sun_x), mood, horizon)
    shore = horizon + int(image.height * 0.04)
    town = demo_city.skyline if mood.place == "city" else demo_city.istanbul
    return demo_water.flooded(rng, town(rng, image, mood, shore), mood, shore, sun_x)


def _below_mountains(rng: random.Random, image: Image.Image, mood: Mood, horizon: int, sun_x: int) -> Image.Image:
    if rng.random() < 0.5:
        return demo_water.flooded(rng, image, mood, horizon + int(image.height * 0.04), sun_x)
    return demo_land.hills(rng, image, mood, horizon + int(image.height * 0.08), 3)


def _with_birds(rng: random.Random, image: Image.Image, mood: Mood, horizon: int) -> Image.Image:
    large = Image.new("L", (image.width * 2, image.height * 2))
    draw = ImageDraw.Draw(large)
    x, y = image.width * rng.uniform(0.2, 0.7) * 2, horizon * rng.uniform(0.25, 0.5) * 2
    for _ in range(rng.randrange(4, 9)):
        wing = image.height * rng.uniform(0.008, 0.016) * 2
        place = (x + rng.gauss(0, image.width * 0.09), y + rng.gauss(0, image.height * 0.05))
        for side in (0, 1):
            box = (place[0] - wing + side * wing, place[1], place[0] + side * wing, place[1] + wing * 0.9)
            draw.arc(box, 200, 340, fill=230, width=max(2, int(wing * 0.14)))
    return Image.composite(Image.new("RGB", image.size, mood.near), image, large.reduce(2))


def _finished(rng: random.Random, image: Image.Image) -> Image.Image:
    """Let bright parts bloom, darken the corners, add film grain against banding."""
    bright = image.point([max(0, v - 150) * 2 if v < 255 else 210 for v in range(256)] * 3)
    bloom = bright.resize((image.width // 4, image.height // 4)).filter(ImageFilter.GaussianBlur(min(image.size) / 90))
    image = ImageChops.screen(
        image, bloom.resize(image.size, Image.Resampling.BICUBIC).point([int(v * 0.35) for v in range(256)] * 3)
    )
    edge = Image.radial_gradient("L").resize(image.size).point([255 - int(max(0, v - 120) * 0.5) for v in range(256)])
    image = ImageChops.multiply(image, Image.merge("RGB", [edge] * 3))
    film = grain(rng, (image.width // 2, image.height // 2)).resize(image.size, Image.Resampling.BICUBIC)
    return ImageChops.add(image, Image.merge("RGB", [film.point([v // 42 for v in range(256)])] * 3), 1, -3)
