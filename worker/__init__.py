"""The GPU worker: consumes the `gpu` queue and drives Forge.

`celery -A worker …` finds the app here; it is built when it is asked for, so that reading
a module of this package needs no settings.
"""

from typing import Any

from shared.heap import growing


def __getattr__(name: str) -> Any:
    if name != "celery":
        raise AttributeError(name)
    with growing():
        from worker.app import app  # built only when Celery asks for it

    return app
