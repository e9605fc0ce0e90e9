"""What a prompt asks for, read from its words in English and Turkish; what it leaves open is thrown with dice.

Only the mood follows the words (the hour, the weather, the place): it is a stand-in, and says so in its label.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from cli.demo_colour import Colour, rgb

Place = Literal["hills", "mountains", "sea", "city", "istanbul", "forest", "desert", "space"]

#: hour: sky from the zenith to the horizon · light · clouds lit, shaded · haze · foreground
_HOURS = {
    "dawn": ("#27406f #5f74a8 #b79bb6 #f2b8a0 #ffe6c4", "#ffedc9", "#ffd9c4 #8b86ab", "#e7b7a8", "#2d2a48"),
    "day": ("#1b5aa6 #3d87cb #83bbe6 #c6e2f3 #eaf5f8", "#fffbea", "#ffffff #a9bdd2", "#b4d6dc", "#234d22"),
    "golden": ("#2f4b80 #6f83ab #d3b39a #f6c27e #ffe7ae", "#fff0c2", "#ffe2b4 #94809a", "#e6b487", "#3a2c2a"),
    "sunset": ("#1a1c4e #4a2a72 #a63a70 #ee6a45 #ffc663", "#ffe49a", "#ff9d6a #4b2a66", "#d8604f", "#170f2c"),
    "dusk": ("#0a1236 #1e2d63 #4a4586 #a3628c #f0a48c", "#ffd3b0", "#d98a97 #2c2f63", "#8f5f86", "#0d0f26"),
    "night": ("#02051a #071236 #0f2353 #1d3b6e #38588a", "#eaf1ff", "#3f5684 #0c1836", "#2a4674", "#03060f"),
    "storm": ("#161d28 #2c3743 #4d5963 #7b858a #b3b6b0", "#e8ebe4", "#98a1a5 #2a333d", "#8a9295", "#12171d"),
    "winter": ("#4a6c9c #7f9fc6 #b6cbe1 #dfe7f0 #fdf1e6", "#fff6e6", "#ffffff #9fb2cc", "#cfdbe8", "#2c3f57"),
}

_HOUR_WORDS = {
    "sunset": "sunset batim gurub",
    "dawn": "dawn sunrise safak dogum morning sabah",
    "dusk": "dusk twilight evening aksam alacakaranlik",
    "night": "night midnight gece moon mehtap dolunay star yildiz aurora kutup neon",
    "storm": "storm thunder rain firtina yagmur dramatic kasvet",
    "winter": "winter snow frost ice kis kar karli buz",
    "golden": "golden altin warm autumn fall sonbahar guz",
    "day": "noon sunny summer gunduz ogle gunesli yaz",
}
_PLACE_WORDS = {
    "istanbul": "istanbul bogaz bosphorus cami mosque galata minare",
    "space": "space galaxy galaksi nebula bulutsu planet gezegen uzay cosmos kozmos universe evren",
    "city": "city skyline town street tower building sehir kent kule bina sokak cyberpunk tokyo york london paris",
    "forest": "forest wood tree jungle fox deer wolf bear orman agac tilki geyik kurt ayi",
    "desert": "desert dune sahara camel col kum deve",
    "mountains": "mountain alps peak everest castle dragon dag zirve kale ejderha",
    "sea": "sea ocean lake beach boat ship island lighthouse fish deniz okyanus gol sahil tekne gemi ada fener balik",
    "hills": "hill field meadow valley village house garden tepe tarla cayir vadi koy ev bahce",
}
_TURKISH = str.maketrans("çğıöşüâîû", "cgiosuaiu")


@dataclass(frozen=True)
class Mood:
    """The palette and the place of one picture."""

    place: Place
    hour: str
    sky: tuple[Colour, ...]
    light: Colour
    cloud_lit: Colour
    cloud_shade: Colour
    haze: Colour
    near: Colour
    aurora: bool
    lighthouse: bool
    cloudiness: float

    @property
    def dark(self) -> bool:
        """Tell whether stars and lamps can be seen."""
        return self.hour in ("night", "dusk")

    @property
    def low_sun(self) -> bool:
        """Tell whether the sun stands near the horizon."""
        return self.hour in ("dawn", "golden", "sunset", "dusk")


def read(prompt: str, rng: random.Random) -> Mood:
    """Return the mood of a prompt."""
    words = prompt.replace("İ", "i").lower().translate(_TURKISH).replace(",", " ").split()
    place = _named(words, _PLACE_WORDS) or rng.choice(["hills", "mountains", "sea", "forest", "mountains", "sea"])
    hour = _named(words, _HOUR_WORDS) or rng.choice(["dawn", "golden", "sunset", "sunset", "dusk", "night", "day"])
    sky, light, cloud, haze, near = _HOURS[hour]
    stormy = hour == "storm" or _mentions(words, "storm", "firtina")
    lit, shade = cloud.split()
    asked = _mentions(words, "aurora", "kutup")
    return Mood(
        place=place,  # type: ignore[arg-type]  # the keys of _PLACE_WORDS are the places
        hour=hour,
        sky=tuple(rgb(colour) for colour in sky.split()),
        light=rgb(light),
        cloud_lit=rgb(lit),
        cloud_shade=rgb(shade),
        haze=rgb(haze),
        near=rgb(near),
        aurora=asked or (hour == "night" and place in ("mountains", "forest", "sea") and rng.random() < 0.45),
        lighthouse=_mentions(words, "lighthouse", "fener"),
        cloudiness=rng.uniform(0.25, 0.75) if not stormy else 0.95,
    )


def _mentions(words: list[str], *stems: str) -> bool:
    return any(word.startswith(stems) for word in words)


def _named(words: list[str], table: dict[str, str]) -> str | None:
    """Return the first entry that a word of the prompt begins with; short stems must be the whole word."""
    for name, stems in table.items():
        for stem in stems.split():
            if any(word == stem or (len(stem) > 3 and word.startswith(stem)) for word in words):
                return name
    return None
