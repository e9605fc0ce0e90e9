"""From Forge's file to a stored picture: decoded as a proof, made PNG, cleaned, kept.

Whatever the metadata setting, only Forge's own `parameters` text may stay, and never a path of its server. The pixels
of a PNG are not compressed again: only its chunks are sorted out.
"""

from __future__ import annotations

import io
import logging
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Literal

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from shared.domain.failures import FailureKind
from shared.images import ImageStore
from worker.forge_answer import FORMATS, GeneratedImage
from worker.forge_failure import ForgeFailure

log = logging.getLogger(__name__)

Metadata = Literal["keep", "strip"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Chunks that carry text or camera data; everything else is needed to show the picture.
TEXTUAL = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
PARAMETERS = "parameters"
USER_COMMENT, EXIF_IFD = 0x9286, 0x8769
MAX_TEXT = 64 * 1024

_PATHS = re.compile(r"(?:[A-Za-z]:\\|\\\\|(?<![\w.<])/)[^\s'\",;]*[/\\][^\s'\",;]*")


class Saver:
    """Keeps pictures in a store."""

    def __init__(self, store: ImageStore, *, metadata: Metadata = "keep") -> None:
        self._store, self._metadata = store, metadata

    def save(self, image: GeneratedImage) -> str:
        """Return the name under which the picture is stored now.

        Raises ForgeFailure (BAD_IMAGE) when it cannot be decoded, OSError when the store has no room.
        """
        return self._store.save(finished(image.png, (image.width, image.height), self._metadata))

    def discard(self, name: str) -> None:
        """Remove a picture whose job had already ended otherwise; if that fails, retention will."""
        try:
            self._store.delete(name)
        except OSError as error:
            log.warning("picture %s was not removed: %s", name, error)


def finished(file: bytes, size: tuple[int, int], metadata: Metadata) -> bytes:
    """Return the PNG to keep; raises ForgeFailure when the file is not a whole picture of that size."""
    try:
        with Image.open(io.BytesIO(file), formats=FORMATS) as image:
            if image.size != size:
                raise _bad(f"{image.size[0]}x{image.size[1]} instead of {size[0]}x{size[1]}")
            image.load()
            text = _parameters(image) if metadata == "keep" else ""
            return _sorted_out(file, text) if image.format == "PNG" else _as_png(image, text)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _bad(f"cannot be decoded: {type(error).__name__}") from error


def without_paths(text: str) -> str:
    """Return Forge's parameters with the server's paths taken out; the prompt is the user's and stays."""
    last = max(text.rfind("\nSteps: "), 0)
    return text[:last] + _PATHS.sub("<path>", text[last:])


def _bad(detail: str) -> ForgeFailure:
    return ForgeFailure(FailureKind.BAD_IMAGE, detail, sent=True)


def _parameters(image: Image.Image) -> str:
    """Read Forge's text: a PNG's `parameters`, or the user comment of a JPEG's or WebP's EXIF."""
    if image.format == "PNG":
        text = image.info.get(PARAMETERS)
        return without_paths(text)[:MAX_TEXT] if isinstance(text, str) else ""
    comment = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    return without_paths(_comment(comment))[:MAX_TEXT] if isinstance(comment, bytes) else ""


def _comment(comment: bytes) -> str:
    code, text = comment[:8], comment[8:]
    return text.decode("utf-16-be" if code == b"UNICODE\0" else "utf-8", "replace")


def _as_png(image: Image.Image, text: str) -> bytes:
    file = io.BytesIO()
    info = PngInfo()
    if text:
        info.add_itxt(PARAMETERS, text)
    pixels = image if image.mode in ("RGB", "RGBA", "L") else image.convert("RGB")
    pixels.info.clear()
    pixels.save(file, "PNG", pnginfo=info, compress_level=4)
    return file.getvalue()


def _sorted_out(png: bytes, text: str) -> bytes:
    """Return the PNG with no text but ours, which stands before the pixels."""
    parts = [SIGNATURE]
    for kind, chunk in _chunks(png):
        if kind == b"IDAT" and text:
            parts.append(_text_chunk(text))
            text = ""
        if kind not in TEXTUAL:
            parts.append(chunk)
    return b"".join(parts)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Return (kind, whole chunk), up to the end of the picture; what comes after it is dropped."""
    at = len(SIGNATURE)
    while at + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind = png[at + 4 : at + 8]
        yield kind, png[at : at + 12 + length]
        if kind == b"IEND":
            return
        at += 12 + length


def _text_chunk(text: str) -> bytes:
    """Return `parameters` as Forge writes it: tEXt in Latin-1 if that can hold it, else iTXt in UTF-8."""
    try:
        kind, content = b"tEXt", PARAMETERS.encode() + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        kind, content = b"iTXt", PARAMETERS.encode() + b"\0\0\0\0\0" + text.encode()
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
