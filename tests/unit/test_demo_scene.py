"""The demo renderer's pictures: the same for the same words, another for others, and labelled."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops, ImageStat

from cli.demo_mood import read
from cli.demo_noise import dice
from cli.demo_painter import cached, paint
from cli.demo_scene import compose

SIZE = (160, 128)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures, 0…255."""
    channels = ImageStat.Stat(ImageChops.difference(one, other)).mean
    return sum(channels) / len(channels)


@pytest.mark.parametrize(
    "prompt",
    [
        "gün batımında İstanbul",
        "uzay",
        "orman",
        "dunes",
        "mountains",
        "a lighthouse",
        "sea",
        "tokyo",
        "aurora",
        "x",
        "",
    ],
)
def test_paints_the_same_picture_for_the_same_prompt_and_seed(prompt: str) -> None:
    one, other = compose(prompt, 7, SIZE), compose(prompt, 7, SIZE)
    assert one.size == SIZE
    assert one.mode == "RGB"
    assert one.tobytes() == other.tobytes()
    assert ImageStat.Stat(one.convert("L")).stddev[0] > 8, "there is something to see"


def test_paints_another_picture_for_another_seed_or_prompt() -> None:
    pictures = [compose("a hill", 1, SIZE), compose("a hill", 2, SIZE), compose("a hill!", 1, SIZE)]
    assert difference(pictures[0], pictures[1]) > 3
    assert difference(pictures[0], pictures[2]) > 3


@pytest.mark.parametrize("size", [(64, 64), (64, 2048), (2048, 64), (1344, 768), (72, 96)])
def test_paints_any_size(size: tuple[int, int]) -> None:
    assert compose("mountains", 3, size).size == size


@pytest.mark.parametrize(
    ("prompt", "place", "hour"),
    [
        ("gün batımında İstanbul", "istanbul", "sunset"),
        ("İSTANBUL GECE", "istanbul", "night"),
        ("a red fox in the snow", "forest", "winter"),
        ("çölde sabah, deve", "desert", "dawn"),
        ("New York at night", "city", "night"),
        ("the milky way galaxy", "space", None),
        ("fırtınalı deniz", "sea", "storm"),
        ("yeşil vadi, öğle", "hills", "day"),
        ("a starfish", None, None),
    ],
)
def test_reads_place_and_hour_from_the_words(prompt: str, place: str | None, hour: str | None) -> None:
    mood = read(prompt, dice(1))
    assert place in (None, mood.place)
    assert hour in (None, mood.hour)


@pytest.mark.parametrize("prompt", ["short", "very long " * 60, "日本語 😀", "line\nbreak\ttab", "\x00\ud800"])
def test_writes_any_prompt_as_a_label(prompt: str) -> None:
    assert compose(prompt, 1, (256, 128)).size == (256, 128)


def test_sharpens_step_by_step() -> None:
    picture = paint("gün batımında İstanbul", 3, (256, 192))
    steps = [Image.open(io.BytesIO(picture.preview(share))).convert("RGB") for share in (0, 0.3, 0.6, 0.9, 1)]
    distances = [difference(step, steps[-1]) for step in steps]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 30
    assert distances[-1] == 0


def test_makes_previews_of_a_small_size() -> None:
    assert Image.open(io.BytesIO(paint("x", 1, (1024, 512)).preview(0.5))).size == (320, 160)


def test_stores_the_parameters_in_the_file() -> None:
    content = paint("x", 1, (64, 64)).encoded(1, "gün\nSteps: 4")
    assert Image.open(io.BytesIO(content)).info["parameters"] == "gün\nSteps: 4"


def test_keeps_heavy_and_light_pictures_for_load_tests() -> None:
    heavy, light = cached("noise", (256, 256)), cached("plain", (256, 256))
    assert len(heavy.encoded(1, "")) > 256 * 256 * 3
    assert len(light.encoded(1, "")) < 2000
    assert cached("noise", (256, 256)) is heavy
