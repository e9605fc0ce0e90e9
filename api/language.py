"""The language of an answer: what the browser asks for, else DEFAULT_LOCALE."""

from functools import lru_cache

from flask import current_app, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from shared.domain.texts import LOCALES

CONFIG_KEY = "FORGELINE_DEFAULT_LOCALE"


def request_locale() -> str:
    """Return `en` or `tr` for the request at hand."""
    default = str(current_app.config.get(CONFIG_KEY, LOCALES[0]))
    return _best(request.headers.get("Accept-Language", ""), default)


@lru_cache(maxsize=256)
def _best(accepted: str, default: str) -> str:
    """Every request of a browser says the same."""
    return parse_accept_header(accepted, LanguageAccept).best_match(LOCALES, default) or default
