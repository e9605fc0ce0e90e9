"""Pictures in a local folder.

<folder>/flux_….png             the pictures
<folder>/.parts/                being written; renamed into place when they are whole and on the disk
<folder>/.thumbnails/256/…      small copies, made on demand
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from shared.images import THUMBNAIL_SUFFIX, THUMBNAIL_WIDTHS, ImageMissing, StoredImage, checked, is_name, new_name
from shared.thumbnails import checked_width, shrunk

#: A part this old has no writer any more.
LEFTOVER_AFTER_S = 3600


class FolderImages:
    """An ImageStore on this machine's disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parts, self._thumbnails = folder / ".parts", folder / ".thumbnails"

    def save(self, png: bytes) -> str:
        """Store a picture under a new name and return the name; raises OSError, and then nothing is left."""
        name = new_name()
        self._write(self.folder / name, png)
        return name

    def path(self, name: str) -> Path:
        """Return where a picture is; raises ImageMissing."""
        path = self.folder / checked(name)
        if not path.is_file():
            raise ImageMissing("no such image")
        return path

    def open(self, name: str) -> BinaryIO:
        """Return a picture as a seekable file; raises ImageMissing."""
        try:
            return (self.folder / checked(name)).open("rb")
        except FileNotFoundError:
            raise ImageMissing("no such image") from None

    def size(self, name: str) -> int:
        """Return the size of a picture in bytes; raises ImageMissing."""
        return self.path(name).stat().st_size

    def exists(self, name: str) -> bool:
        """Tell whether there is such a picture."""
        return is_name(name) and (self.folder / name).is_file()

    def delete(self, name: str) -> None:
        """Remove a picture and its thumbnails; one that is not there is no error."""
        if not is_name(name):
            return
        small = [self._thumbnail(name, width) for width in THUMBNAIL_WIDTHS]
        for path in (*small, self.folder / name, *small):  # again: one may have been made in between
            path.unlink(missing_ok=True)

    def list(self) -> Iterator[StoredImage]:
        """Return every picture, in no order; one that vanishes meanwhile is passed over."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                picture = _picture(entry)
                if picture is not None:
                    yield picture

    def thumbnail(self, name: str, width: int) -> bytes:
        """Return a small copy; made at the first demand and kept if there is room; raises ImageMissing."""
        path = self._thumbnail(checked(name), checked_width(width))
        with contextlib.suppress(OSError):
            return path.read_bytes()
        with self.open(name) as file:
            small = shrunk(file.read(), width)
        with contextlib.suppress(OSError):
            self._write(path, small)
            if not self.exists(name):  # deleted meanwhile
                path.unlink(missing_ok=True)
        return small

    def remove_leftovers(self) -> int:
        """Remove the parts of writers that died; return how many."""
        if not self._parts.is_dir():
            return 0
        removed = 0
        for part in self._parts.iterdir():
            with contextlib.suppress(FileNotFoundError):  # renamed into place meanwhile
                if time.time() - part.stat().st_mtime > LEFTOVER_AFTER_S:
                    part.unlink()
                    removed += 1
        return removed

    def _thumbnail(self, name: str, width: int) -> Path:
        return self._thumbnails / str(width) / Path(name).with_suffix(THUMBNAIL_SUFFIX)

    def _write(self, target: Path, content: bytes) -> None:
        """Write beside, bring it to the disk, rename: whole or not at all."""
        for folder in (self._parts, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
        part = self._parts / secrets.token_hex(16)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.rename(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)


def _picture(entry: os.DirEntry[str]) -> StoredImage | None:
    """Return what is stored there; None of what is no picture, or has just gone."""
    with contextlib.suppress(FileNotFoundError):
        if is_name(entry.name) and entry.is_file():
            seen = entry.stat()
            return StoredImage(entry.name, seen.st_size, datetime.fromtimestamp(seen.st_mtime, UTC))
    return None


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
