"""`python -m cli.ask_workers NAME@HOST …`: returns once every named worker has answered a ping.

`celery inspect ping` asks once and has to be started again for each question; this asks until all have answered. A
worker answers once it consumes.
"""

import sys
import time

from celery import Celery

from shared.settings import Settings
from shared.wakeups import sending_app

ANSWER_WITHIN_S = 0.5


def main(names: set[str]) -> None:
    """Ask until all have answered."""
    app = sending_app(str(Settings.from_env().redis_url))
    while missing := names - _who_answers(app, names):
        names = missing


def _who_answers(app: Celery, names: set[str]) -> set[str]:
    try:
        answers = app.control.ping(destination=sorted(names), timeout=ANSWER_WITHIN_S, limit=len(names))
    except (OSError, app.connection().connection_errors):
        time.sleep(ANSWER_WITHIN_S)
        return set()
    return {name for answer in answers for name in answer}


if __name__ == "__main__":
    main(set(sys.argv[1:]))
