"""Live previews are made small, and none of them can do harm."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from worker.forge_preview import MAX_SIDE, small_jpeg


def encoded(size: tuple[int, int], mode: str = "RGB", format_: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, format_)
    return file.getvalue()


@pytest.mark.parametrize(
    ("size", "mode", "format_"),
    [((1024, 512), "RGB", "PNG"), ((64, 64), "RGBA", "PNG"), ((800, 900), "L", "JPEG"), ((128, 128), "RGB", "WEBP")],
)
def test_makes_a_small_jpeg_of_any_preview(size: tuple[int, int], mode: str, format_: str) -> None:
    small = small_jpeg(encoded(size, mode, format_))
    assert small is not None
    with Image.open(io.BytesIO(small)) as image:
        assert image.format == "JPEG"
        assert max(image.size) <= min(MAX_SIDE, max(size))


@pytest.mark.parametrize(
    "preview", [b"", b"hello", encoded((64, 64))[:50], encoded((3000, 3000), "1"), encoded((9, 9), "P", "GIF")]
)
def test_makes_nothing_of_what_is_no_preview(preview: bytes) -> None:
    assert small_jpeg(preview) is None
