"""The line at the foot of a demo picture: that it is one, and what was asked."""

from __future__ import annotations

import functools

from PIL import Image, ImageDraw, ImageFont

#: Fonts that know more than Western letters, where there is one; Pillow's own otherwise.
FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "Arial.ttf")
MARK = "demo"


def labelled(image: Image.Image, prompt: str) -> Image.Image:
    """Write the label and the prompt, small, on a dark veil at the foot of the picture."""
    height = max(9, min(image.size) // 60)
    pad = round(height * 0.7)
    if image.height < height * 6 or image.width < height * 6:
        return image
    font = _font(height)
    veil = Image.linear_gradient("L").resize((image.width, height + pad * 3)).point([int(v * 0.55) for v in range(256)])
    image.paste((0, 0, 0), (0, image.height - veil.height), veil)
    draw = ImageDraw.Draw(image)
    foot = image.height - pad
    room = image.width - 2 * pad
    wide = draw.textlength(MARK, font=font)
    draw.rounded_rectangle(
        (pad, foot - height * 1.35, pad + wide + height, foot + height * 0.15), height * 0.4, fill=(236, 236, 242)
    )
    draw.text((pad + height / 2, foot - height * 0.6), MARK, font=font, fill=(20, 22, 34), anchor="lm")
    left = pad + wide + height * 1.7
    draw.text(
        (left, foot - height * 0.6),
        _fitted(draw, prompt, font, room - left),
        font=font,
        fill=(228, 228, 234),
        anchor="lm",
    )
    return image


def _fitted(draw: ImageDraw.ImageDraw, prompt: str, font: ImageFont.FreeTypeFont, room: float) -> str:
    """Return the prompt on one line, cut with an ellipsis where the room ends."""
    text = " ".join(prompt.encode(errors="replace").decode().split())[:300]
    if draw.textlength(text, font=font) <= room:
        return text
    while text and draw.textlength(text + "…", font=font) > room:
        text = text[:-1]
    return text.rstrip() + "…"


@functools.lru_cache(maxsize=16)
def _font(height: int) -> ImageFont.FreeTypeFont:
    for name in FONTS:
        try:
            return ImageFont.truetype(name, height)
        except OSError:
            continue
    return ImageFont.load_default(height)  # type: ignore[return-value]  # with FreeType it is a FreeTypeFont
