"""How every process speaks to its operator: one line an event, as text or as a JSON object.

structlog on top of the standard library's logging, so that Celery, gunicorn and SQLAlchemy lines take the same road. In
JSON every line has `event`, `job_id`, `attempt` and `worker` (null where none applies). What is bound with `bound()`
stands in every line of that thread or task.
"""

import logging
import logging.config
import sys
from contextlib import AbstractContextManager
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from shared.settings import Settings

#: Present in every JSON line, null when there is none.
JOB_FIELDS = ("job_id", "attempt", "worker")

#: What has lines of its own in text: tracebacks.
SEVERAL_LINES = ("exc_info", "exception", "stack")

#: Loggers that bring handlers of their own, and libraries that say too much at `info`.
ADOPTED = ("gunicorn.error", "celery", "celery.task", "celery.redirected")
QUIET = (
    "gunicorn.access",
    "tornado.access",
    "alembic",
    "botocore",
    "boto3",
    "celery.app.trace",  # a wake-up is no news: what it led to is told by shared.transitions
    "celery.beat",
    "celery.worker.strategy",
    "kombu",
    "PIL",
    "s3transfer",
    "urllib3",
)


def configure(settings: Settings, *, process: str | None = None) -> None:
    """Send every log line of this process, Python's warnings too, to stderr in the form the settings ask for.

    May be called again.

    `process`, when given, stands in every line.
    """
    logging.config.dictConfig(logging_config(settings, process=process))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_common(process),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def logging_config(settings: Settings, *, process: str | None = None) -> dict[str, Any]:
    """Return the dictConfig of this form, for servers that set logging up themselves (gunicorn's `logconfig_dict`)."""
    level = settings.log_level.upper()
    ours: dict[str, Any] = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "forgeline": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [*_common(process), structlog.stdlib.ExtraAdder(allow=JOB_FIELDS)],
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings)],
            }
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "forgeline"}
        },
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {
            **{name: {**ours, "level": level} for name in ADOPTED},
            **{name: {**ours, "level": max(level, "WARNING", key=_severity)} for name in QUIET},
        },
    }


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module: `log.info("claimed", job_id=…)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def bound(**fields: object) -> AbstractContextManager[None]:
    """Put these fields into every line logged inside the `with` block, by this thread."""
    return structlog.contextvars.bound_contextvars(**fields)


def only(**fields: object) -> None:
    """Put these fields, and no other, into every line of this thread or task from now on."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**fields)


def _common(process: str | None) -> list[Processor]:
    def name_process(_logger: object, _method: str, event: EventDict) -> EventDict:
        return event if process is None else {"process": process, **event}

    return [
        name_process,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _renderers(settings: Settings) -> list[Processor]:
    if settings.log_format == "json":
        return [_with_job_fields, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return [_printable, console]


def _printable(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Show what strangers could write to a terminal or into lines of their own, a path for one; JSON does it anyway."""
    return {name: _shown(value) if name not in SEVERAL_LINES else value for name, value in event.items()}


def _shown(value: object) -> object:
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in value)


def _with_job_fields(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {**dict.fromkeys(JOB_FIELDS), **event}


def _severity(level: str) -> int:
    return logging.getLevelNamesMapping()[level]
