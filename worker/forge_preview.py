"""Forge's live preview, made small: it is sent often and looked at for a second."""

from __future__ import annotations

import io

from PIL import Image

MAX_SIDE = 384
QUALITY = 72
#: Forge's previews are small; anything larger is not decoded.
MAX_PIXELS = 2048 * 2048


def small_jpeg(preview: bytes) -> bytes | None:
    """Return a preview as a JPEG of at most 384 pixels a side, or None when it is no image."""
    try:
        with Image.open(io.BytesIO(preview), formats=("PNG", "JPEG", "WEBP")) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            small = image.convert("RGB")
            small.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BILINEAR)
            file = io.BytesIO()
            small.save(file, "JPEG", quality=QUALITY)
            return file.getvalue()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
