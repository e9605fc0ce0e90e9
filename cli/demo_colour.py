"""Colours: hex to numbers, blends, ramps, and grey pictures coloured by a ramp."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

Colour = tuple[int, int, int]


def rgb(text: str) -> Colour:
    """Read "#rrggbb"."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return `one` with that share of `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def ramp(stops: Sequence[Colour], length: int) -> list[Colour]:
    """Return `length` colours that lead evenly through the stops."""
    if len(stops) == 1:
        return [stops[0]] * length
    colours = []
    for number in range(length):
        place = number / max(1, length - 1) * (len(stops) - 1)
        step = min(int(place), len(stops) - 2)
        colours.append(mix(stops[step], stops[step + 1], _eased(place - step)))
    return colours


def upright(stops: Sequence[Colour], size: tuple[int, int]) -> Image.Image:
    """Return a picture that leads through the stops from top to bottom."""
    column = Image.new("RGB", (1, size[1]))
    column.putdata(ramp(stops, size[1]))
    return column.resize(size, Image.Resampling.NEAREST)


def coloured(grey: Image.Image, stops: Sequence[Colour]) -> Image.Image:
    """Return a grey picture with black as the first stop and white as the last."""
    table = ramp(stops, 256)
    return Image.merge("RGB", [grey.point([colour[channel] for colour in table]) for channel in range(3)])


def levels(grey: Image.Image, black: float, white: float, gamma: float = 1.0) -> Image.Image:
    """Return a grey picture with [black, white] (0…1) stretched to the whole range."""
    width = max(1e-6, white - black)
    return grey.point([round(255 * min(1.0, max(0.0, (v / 255 - black) / width)) ** gamma) for v in range(256)])


def dimmed(grey: Image.Image, share: float) -> Image.Image:
    """Return a grey picture with only that share of its light."""
    return grey.point([round(v * share) for v in range(256)])


def _eased(share: float) -> float:
    return share * share * (3 - 2 * share) * 0.4 + share * 0.6
