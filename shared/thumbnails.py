"""Small copies of stored pictures."""

from __future__ import annotations

import io

from PIL import Image

from shared.images import THUMBNAIL_WIDTHS

QUALITY = 82


def checked_width(width: int) -> int:
    """Return the width if it may be asked for; raises ValueError."""
    if width not in THUMBNAIL_WIDTHS:
        raise ValueError(f"a thumbnail is {', '.join(map(str, THUMBNAIL_WIDTHS))} pixels wide")
    return width


def shrunk(png: bytes, width: int) -> bytes:
    """Return a WebP of that width, its height in proportion; a narrower picture keeps its size."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        height = max(1, round(image.height * width / image.width))
        small = image.convert("RGB")
        small.thumbnail((width, height), Image.Resampling.LANCZOS, reducing_gap=3)
        file = io.BytesIO()
        small.save(file, "WEBP", quality=QUALITY)
        return file.getvalue()
