"""The language of an answer: what the browser asks for, else DEFAULT_LOCALE."""

from functools import lru_cache

from flask import current_app, request
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from shared.domain.texts import LOCALES

CONFIG_KEY = "FORGELINE_DEFAULT_LOCALE"
ANY = "*"


def request_locale() -> str:
    """Return `en` or `tr` for the request at hand."""
    default = str(current_app.config.get(CONFIG_KEY, LOCALES[0]))
    return _best(request.headers.get("Accept-Language", ""), default)


@lru_cache(maxsize=256)
def _best(accepted: str, default: str) -> str:
    """Return what is asked for most; every request of a browser says the same.

    `tr-TR` asks for Turkish as `tr` does. Who takes any language, or ours alike, has the default.
    """
    asked = parse_accept_header(accepted)
    return max((default, *LOCALES), key=lambda locale: _wish(asked, locale))


def _wish(asked: Accept, locale: str) -> float:
    named = [quality for tag, quality in asked if tag.lower().partition("-")[0] == locale]
    return max(named or [quality for tag, quality in asked if tag == ANY], default=0)
