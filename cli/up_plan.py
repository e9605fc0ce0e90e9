"""What runs on this machine, each process by the very command an operator would type.

The servers come first and go last: PostgreSQL, Redis and the demo renderer, each only where no address was set. The
application's processes get the addresses in their environment; queue, pool and concurrency come from each Celery app.
"""

import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cli.children import Child
from cli.embedded import EmbeddedServer
from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis
from cli.up_folder import kept_port
from shared.settings import Settings

PROGRAMS = Path(sys.executable).parent
MAINTENANCE = "maintenance"


@dataclass(frozen=True)
class Plan:
    """The embedded servers, the demo renderer's address (None: a real Forge), and the Forge of each GPU worker."""

    settings: Settings
    servers: dict[str, EmbeddedServer]
    demo_url: str | None
    forges: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings, gpus: tuple[str, ...]) -> "Plan":
        """Decide what has to be embedded; takes the ports, starts nothing."""
        folder = settings.data_dir
        servers: dict[str, EmbeddedServer] = {}
        taken = [settings.port]

        def port(name: str) -> int:
            taken.append(kept_port(folder / name, taken))
            return taken[-1]

        if settings.database_url is None:
            servers["DATABASE_URL"] = EmbeddedPostgres(folder / "postgres", port("postgres"))
        if settings.redis_url is None:
            servers["REDIS_URL"] = EmbeddedRedis(folder / "redis", port("redis"))
        given = gpus or ((settings.forge_url,) if settings.forge_url else ())
        demo = None if given else f"http://127.0.0.1:{port('demo')}"
        return cls(settings, servers, demo, given or (str(demo),))

    def addresses(self) -> dict[str, str]:
        """Return the three addresses in use; the embedded ones are known once the servers are prepared."""
        given = {"DATABASE_URL": self.settings.database_url, "REDIS_URL": self.settings.redis_url}
        embedded = {name: server.url for name, server in self.servers.items()}
        return {name: url or embedded[name] for name, url in given.items()} | {"FORGE_URL": self.forges[0]}

    def server_children(self) -> list[Child]:
        """Return the embedded servers, the demo renderer among them."""
        children = [self._server_child(server) for server in self.servers.values()]
        if self.demo_url:
            port = str(urlsplit(self.demo_url).port)
            children.append(self._child("forge-demo", program("forgeline"), "forge-demo", "--port", port))
        return children

    def question(self) -> Child:
        """Return the one-shot that ends once every worker has answered."""
        host = socket.gethostname()
        names = [f"{name}@{host}" for name in (*self.gpu_names, MAINTENANCE)]
        return self._child("ask", sys.executable, "-m", "cli.ask_workers", *names)

    def migration(self) -> Child:
        """Return the one-shot that brings the database to the present form."""
        return self._child("migrate", program("forgeline"), "migrate")

    def app_children(self) -> list[Child]:
        """Return the application's processes."""
        gpus = [
            self._child(name, *celery("worker"), "worker", "-n", f"{name}@%h", FORGE_URL=forge)
            for name, forge in zip(self.gpu_names, self.forges, strict=True)
        ]
        return [
            self._child("api", sys.executable, "-m", "api.serve"),
            *gpus,
            self._child(MAINTENANCE, *celery("beat"), "worker", "-n", f"{MAINTENANCE}@%h"),
            self._child("beat", *celery("beat"), "beat"),
        ]

    @property
    def gpu_names(self) -> list[str]:
        """gpu1, gpu2, … one for each Forge."""
        return [f"gpu{number}" for number, _forge in enumerate(self.forges, start=1)]

    @property
    def logs(self) -> Path:
        """Where every child writes its NAME.log."""
        return self.settings.data_dir / "logs"

    def _server_child(self, server: EmbeddedServer) -> Child:
        return Child(
            name=server.name,
            command=server.command(),
            log=self.logs / f"{server.name}.log",
            spawn_options=server.spawn_options() | {"cwd": "/"},
            stop_signal=server.stop_signal,
            orphaned=server.stop_signal,
            clear=server.clear,
        )

    def _child(self, name: str, *command: str, **environment: str) -> Child:
        everywhere = self.addresses() | {"DATA_DIR": str(self.settings.data_dir), "PYTHONUNBUFFERED": "1"}
        return Child(
            name=name, command=list(command), log=self.logs / f"{name}.log", environment=everywhere | environment
        )


def celery(app: str) -> list[str]:
    """Return `celery -A APP`, the one installed beside this Python."""
    return [program("celery"), "-A", app]


def program(name: str) -> str:
    """Return the path of a command installed beside this Python."""
    return str(PROGRAMS / name)
