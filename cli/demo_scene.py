"""What is painted for a prompt."""

from __future__ import annotations

import hashlib

from PIL import Image


def compose(prompt: str, seed: int, size: tuple[int, int]) -> Image.Image:
    """Paint the scene of a prompt."""
    digest = hashlib.sha256(f"{seed}|{prompt}".encode()).digest()
    top, bottom = Image.new("RGB", size, tuple(digest[:3])), Image.new("RGB", size, tuple(digest[3:6]))
    return Image.composite(bottom, top, Image.linear_gradient("L").resize(size))
