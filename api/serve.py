"""How the process is served: `python -m api.serve`.

gunicorn's gevent worker, `API_PROCESSES` of them on one port. The parent reads the settings and holds the port; each
worker makes the sockets cooperative, then psycopg2, then the application.

    SIGTERM, SIGINT ──▶ /readyz 503, nothing new is taken, idle connections end
                    ──▶ every socket is closed with 1012, spread over the window (api/relay)
                    ──▶ requests that run are finished, at most until GRACE_S; a second SIGINT ends them at once

gunicorn alone would hold the worker for the whole grace time and then cut the sockets without a close frame.
"""

import resource
import sys
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from api.metrics_folder import counted_together
from shared import logs
from shared.setting_faults import SettingsError
from shared.settings import Settings

ChildExit = Callable[[Any, Any], None]

WORKER = "api.serve_worker.Worker"
#: from SIGTERM to the end, at the longest
GRACE_S = 8
#: who connects and asks nothing, or sends the headers of a request slowly, is cut after so long; the pause after an
#: answer is longer (api.serve_worker.KEPT_S)
HEAD_WITHIN_S = 5
#: a worker whose loop stands still for so long is replaced
FROZEN_S = 60
#: file descriptors kept free of connections: databases, Redis, images, logs
RESERVED_FILES = 512
MOST_CONNECTIONS = 20_000


class ForgelineArbiter(Arbiter):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's parent, to which Ctrl-C is as polite as SIGTERM."""

    def handle_int(self) -> None:
        """Stop gracefully; a second SIGINT while stopping is not."""
        raise StopIteration


class ServerLogger(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's own lines; each request is told by api.access, so nothing is put together for it here."""

    def access(self, *_: Any) -> None:
        """Say nothing."""


class Served(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Our application with our settings, instead of a command line's."""

    def __init__(self, settings: Settings, child_exit: ChildExit | None = None) -> None:
        self.settings = settings
        self._child_exit = child_exit
        super().__init__()

    def load_config(self) -> None:
        """Translate the settings into gunicorn's."""
        for name, value in gunicorn_config(self.settings).items():
            self.cfg.set(name, value)
        if self._child_exit:
            self.cfg.set("child_exit", self._child_exit)

    def load(self) -> Any:
        """Make the application; in each worker, after the fork."""
        from api.app import create_app

        return create_app(self.settings)

    def run(self) -> None:
        """Serve until a signal."""
        ForgelineArbiter(self).run()


def gunicorn_config(settings: Settings) -> dict[str, Any]:
    """Return gunicorn's settings for ours."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "bind": f"{host}:{settings.port}",
        "proc_name": "forgeline-api",
        "worker_class": WORKER,
        "workers": settings.api_processes,
        "worker_connections": most_connections(),
        "backlog": 2048,
        "graceful_timeout": GRACE_S,
        "timeout": FROZEN_S,
        "keepalive": HEAD_WITHIN_S,
        "max_requests": 0,
        "sendfile": False,
        "control_socket_disable": True,
        "forwarded_allow_ips": "",
        "logconfig_dict": logs.logging_config(settings),
        "logger_class": ServerLogger,
        "accesslog": None,
    }


def most_connections() -> int:
    """Let this process open all the files it may, and return how many of them connections may be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + RESERVED_FILES
    files = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(files - RESERVED_FILES, files // 2)


def main() -> int:
    """Serve until a signal; returns the exit code."""
    try:
        settings = Settings.from_env().having("DATABASE_URL", "REDIS_URL")
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(settings)
    with counted_together(settings.api_processes) as child_exit:
        Served(settings, child_exit).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
