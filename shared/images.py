"""Where finished pictures are kept: a local folder or an S3 bucket, behind one interface.

    flux_<32 hex digits>.png      128 random bits: a name cannot be guessed, and tells nothing

The laws: a name of any other form does not exist, so no path can be smuggled in; a picture is there as a whole or not
at all, whatever dies or fills up while it is written; what is stored never changes. What goes wrong is an `OSError`
(`ImageMissing` when it is only not there).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

#: Widths of thumbnails that may be asked for, in pixels; each is made once and kept.
THUMBNAIL_WIDTHS = (128, 256, 512)
THUMBNAIL_TYPE = "image/webp"
THUMBNAIL_SUFFIX = ".webp"

_NAME = re.compile(r"flux_[0-9a-f]{32}\.png", re.ASCII)


class ImageMissing(FileNotFoundError):
    """There is no picture of that name."""


class ImageStoreFailed(OSError):
    """The store could not do it now."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A picture in the store: its name, its size in bytes, when it was stored (UTC)."""

    name: str
    size: int
    stored_at: datetime


class ImageStore(Protocol):
    """What every store can do; a method that takes a name raises ImageMissing when it does not exist."""

    def save(self, png: bytes) -> str:
        """Store a picture under a new name and return the name."""

    def open(self, name: str) -> BinaryIO:
        """Return a picture as a seekable file; the caller closes it."""

    def size(self, name: str) -> int:
        """Return the size of a picture in bytes."""

    def exists(self, name: str) -> bool:
        """Tell whether there is such a picture; False for a name of any other form."""

    def delete(self, name: str) -> None:
        """Remove a picture and its thumbnails; one that is not there is no error."""

    def list(self) -> Iterator[StoredImage]:
        """Return every picture, in no order."""

    def thumbnail(self, name: str, width: int) -> bytes:
        """Return a small copy (THUMBNAIL_TYPE) of one of THUMBNAIL_WIDTHS; ValueError for another width."""

    def remove_leftovers(self) -> int:
        """Remove what writers that died left behind; return how many files."""


def open_image_store(url: str) -> ImageStore:
    """Return the store of `IMAGE_STORE`: `file:///an/absolute/folder` or `s3://bucket/prefix`."""
    parts = urlsplit(url)
    if parts.scheme == "s3":
        from shared.images_bucket import BucketImages

        return BucketImages(parts.netloc, unquote(parts.path).strip("/"))
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise ValueError("an image store is file:///folder or s3://bucket/prefix")
    from shared.images_folder import FolderImages

    return FolderImages(Path(unquote(parts.path)))


def new_name() -> str:
    """Return a name nobody can guess."""
    return f"flux_{secrets.token_hex(16)}.png"


def is_name(name: str) -> bool:
    """Tell whether a text has the form of a picture's name."""
    return _NAME.fullmatch(name) is not None


def checked(name: str) -> str:
    """Return the name if it has the form of one; raises ImageMissing."""
    if not is_name(name):
        raise ImageMissing("no such image")
    return name
