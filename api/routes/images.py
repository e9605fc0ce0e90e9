"""Stored images: the owner's only."""

import re
import unicodedata
from datetime import UTC
from urllib.parse import quote

from flask import Blueprint, Response, request

from api.auth import current_identity
from api.context import context
from api.queries import ImageQuery, parse_query
from api.replies import conditionally
from shared.domain.errors import NotFound
from shared.domain.jobs import Job
from shared.images import THUMBNAIL_SUFFIX, THUMBNAIL_TYPE, ImageMissing

images = Blueprint("images", __name__)

SLUG_CHARS = 40
PRIVATE = "private, max-age=31536000, immutable"

_NOT_WORD = re.compile(r"[^\w]+")

PLACEHOLDER = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512" role="img">
<title>Waiting for an image server</title>
<rect width="512" height="512" fill="#8a8690" fill-opacity=".14"/>
<g fill="none" stroke="#8a8690" stroke-width="10" stroke-linecap="round" stroke-linejoin="round">
<rect x="136" y="166" width="240" height="180" rx="18"/><circle cx="206" cy="226" r="20"/>
<path d="M146 326l74-70 44 42 40-34 62 60"/></g></svg>
"""


@images.get("/images/placeholder.svg")
def placeholder() -> Response:
    """Answer the picture that stands in while no image server can be reached."""
    response = Response(PLACEHOLDER, mimetype="image/svg+xml")
    response.headers["Cache-Control"] = "public, max-age=86400"
    response.set_etag("placeholder-1")
    return conditionally(response)


@images.get("/images/<path:name>")
def image(name: str) -> Response:
    """Answer the image, a thumbnail with `w`, or a download with a good file name."""
    asked = parse_query(request.args, ImageQuery)
    job = _mine(name)
    content = _content(name, asked.w)
    response = Response(content, mimetype=THUMBNAIL_TYPE if asked.w else "image/png")
    response.headers["Cache-Control"] = PRIVATE
    response.set_etag(f"{name}-{asked.w or 'full'}")
    if asked.download == "1":
        name_it(response, file_name(job, THUMBNAIL_SUFFIX if asked.w else ".png"))
    return conditionally(response, length=len(content))


def _content(name: str, width: int | None) -> bytes:
    store = context().images
    try:
        if width:
            return store.thumbnail(name, width)
        with store.open(name) as file:
            return file.read()
    except ImageMissing as error:
        raise NotFound from error


def name_it(response: Response, name: str) -> None:
    """Offer an answer as a file called `name`; who reads ASCII alone gets its letters without marks (RFC 6266)."""
    letters = unicodedata.normalize("NFKD", name.replace("ı", "i")).encode("ascii", "ignore").decode()
    plain = letters if letters[0].isalnum() else f"image{letters}"
    whole = {} if plain == name else {"filename*": f"UTF-8''{quote(name, safe='')}"}
    response.headers.set("Content-Disposition", "attachment", filename=plain, **whole)


def file_name(job: Job, suffix: str) -> str:
    """Return a good name for a download: the prompt's words, the moment, the seed."""
    prompt = unicodedata.normalize("NFC", job.prompt).replace("İ", "i").lower()
    slug = _NOT_WORD.sub("-", prompt).strip("-")[:SLUG_CHARS].strip("-") or "image"
    moment = (job.finished_at or job.created_at).astimezone(UTC)
    return f"{slug}_{moment:%Y%m%d-%H%M}_{job.params.get('seed')}{suffix}"


def _mine(name: str) -> Job:
    job = context().store.image_owner(name) if name.isprintable() else None
    if job is None or job.image_expired or not job.belongs_to(current_identity()):
        raise NotFound
    return job
