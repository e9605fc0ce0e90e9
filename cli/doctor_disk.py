"""Where pictures are kept: is there room, and may we write."""

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cli.doctor_findings import Finding, Findings, advice, fault, ok
from shared.images import open_image_store
from shared.settings import Settings

DISK, IMAGES = "disk", "images"

FULL_BYTES, ALMOST_FULL_BYTES = 1 * 10**9, 5 * 10**9


def look_at_disk(
    settings: Settings, free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
) -> Findings:
    """Look at the room in DATA_DIR and where the pictures go, and at the image store."""
    data, pictures = _existing(settings.data_dir), _existing(_folder(settings.image_store) or settings.data_dir)
    yield _room(data, free(data))
    if pictures.stat().st_dev != data.stat().st_dev:
        yield _room(pictures, free(pictures))
    for folder in dict.fromkeys((data, pictures)):
        if not folder.is_dir():
            yield fault(DISK, f"{folder} is no folder", "mend DATA_DIR or IMAGE_STORE")
        elif not os.access(folder, os.W_OK | os.X_OK):
            yield fault(DISK, f"{folder} cannot be written", "give it to the user that runs Forgeline")
    yield _store(settings.image_store)


def _room(folder: Path, free_bytes: int) -> Finding:
    text = f"{free_bytes / 10**9:.1f} GB free under {folder}"
    mend = "make room, or set IMAGE_RETENTION_DAYS or IMAGE_RETENTION_GB"
    if free_bytes < FULL_BYTES:
        return fault(DISK, text, mend)
    return advice(DISK, text, mend) if free_bytes < ALMOST_FULL_BYTES else ok(DISK, text)


def _store(url: str) -> Finding:
    """Ask for a picture that cannot be there: the answer proves that the store answers."""
    where = _folder(url) or url
    try:
        open_image_store(url).exists(f"flux_{secrets.token_hex(16)}.png")
    except OSError as error:
        mend = "mend IMAGE_STORE, the keys (AWS_…) and the bucket"
        return fault(IMAGES, f"{where} does not answer: {error}", mend)
    return ok(IMAGES, f"kept in {where}")


def _folder(url: str) -> Path | None:
    """Return the folder of an image store; None of one that is a bucket."""
    return None if url.startswith("s3:") else Path(unquote(urlsplit(url).path))


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that is there and may be looked at."""
    return next(path for path in (folder, *folder.parents) if os.path.exists(path))  # pathlib's raises PermissionError
