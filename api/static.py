"""The page's files, read and compressed once at the start, then served from memory.

    /            index.html, asked for again every time (a deploy changes it)
    /assets/…    names that carry a hash of their content: kept for ever

The same files give the same bytes and the same ETag in every process: the compression carries no time.
"""

import gzip
import hashlib
import mimetypes
from pathlib import Path
from typing import NamedTuple

from flask import Flask, Response, request

from api.replies import conditionally
from shared.domain.errors import NotFound

DIST = Path(__file__).parent / "web" / "dist"
INDEX = "index.html"
ASSETS = "assets/"
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
COMPRESSIBLE = ("text/", "application/javascript", "application/json", "application/manifest+json", "image/svg+xml")
#: unless it saves a tenth, compression is not worth a header
WORTH = 0.9


class StaticFile(NamedTuple):
    """One file, ready to be sent; `zipped` only where that is worth it."""

    body: bytes
    zipped: bytes | None
    etag: str
    media_type: str
    cache_control: str


def init_static(app: Flask, dist: Path = DIST) -> None:
    """Serve the files of `dist`; without them `/` answers 404 and everything else works."""
    files = {path.relative_to(dist).as_posix(): path for path in dist.rglob("*") if path.is_file()}
    ready = {name: read(name, path.read_bytes()) for name, path in files.items()}

    def index() -> Response:
        """The page."""
        return _answer(ready.get(INDEX))

    def asset(name: str) -> Response:
        """A file whose name carries its hash."""
        return _answer(ready.get(ASSETS + name))

    app.add_url_rule("/", "page", index)
    app.add_url_rule(f"/{ASSETS}<path:name>", "asset", asset)


def read(name: str, body: bytes) -> StaticFile:
    """Return the file `name` (its path below the folder) ready to be sent."""
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    zipped = gzip.compress(body, mtime=0) if media_type.startswith(COMPRESSIBLE) else None
    if zipped is not None and len(zipped) > WORTH * len(body):
        zipped = None
    etag = hashlib.sha256(body).hexdigest()[:32]
    return StaticFile(body, zipped, etag, media_type, FOR_EVER if name.startswith(ASSETS) else ASK_AGAIN)


def _answer(file: StaticFile | None) -> Response:
    if file is None:
        raise NotFound
    zipped = file.zipped is not None and request.accept_encodings.quality("gzip") > 0
    answer = Response(file.zipped if zipped else file.body, content_type=_content_type(file.media_type))
    answer.headers["Cache-Control"] = file.cache_control
    answer.set_etag(f"{file.etag}-gzip" if zipped else file.etag)
    if file.zipped is not None:
        answer.vary.add("Accept-Encoding")
    if zipped:
        answer.headers["Content-Encoding"] = "gzip"
    return conditionally(answer)


def _content_type(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
