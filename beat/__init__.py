"""The clock and its duties: `celery -A beat worker` does them, `celery -A beat beat` rings."""

from typing import Any

from shared.heap import growing


def __getattr__(name: str) -> Any:
    if name != "celery":
        raise AttributeError(name)
    with growing():
        from beat.app import app  # built only when Celery asks for it

    return app
