"""The language of an answer: what the browser asks for, else DEFAULT_LOCALE."""

from flask import current_app, request

from shared.domain.texts import LOCALES

CONFIG_KEY = "FORGELINE_DEFAULT_LOCALE"


def request_locale() -> str:
    """Return `en` or `tr` for the request at hand."""
    default = str(current_app.config.get(CONFIG_KEY, LOCALES[0]))
    return request.accept_languages.best_match(LOCALES, default) or default
