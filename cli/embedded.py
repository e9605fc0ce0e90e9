"""A real server kept under DATA_DIR: what `up` and the tests need to run it as their own child, in the foreground.

`up` takes `command`, `spawn_options` and `stop_signal` and supervises the process itself; a test says `start()`,
`kill()` and `stop()`. The port and the data stay the same from one start to the next.
"""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

#: A server that has not answered by then has failed; a crash recovery takes a few seconds.
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0


class EmbeddedServerError(RuntimeError):
    """An embedded server cannot run here; the text says what to do."""


class EmbeddedServer:
    """One server, its folder (created when missing) and its loopback port; subclasses know the program."""

    name: str
    stop_signal: signal.Signals = signal.SIGTERM

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address with its password, percent-encoded."""
        raise NotImplementedError

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> Path:
        """Where a server started by `start()` writes."""
        return self.folder / f"{self.name}.log"

    def prepare(self) -> None:
        """Make the folder ready for a start: what an earlier start has done already is not done again."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Return what runs the server in the foreground."""
        raise NotImplementedError

    def spawn_options(self) -> dict[str, Any]:
        """Return what `subprocess.Popen` needs besides the command (the account to run as)."""
        return {}

    def clear(self) -> None:
        """End what a killed server left behind; nothing for most."""

    def answers(self) -> bool:
        """Tell whether the server takes commands now, waiting for it a second at most."""
        raise NotImplementedError

    def start(self) -> None:
        """Run the server and return when it answers; raises EmbeddedServerError with its last words."""
        self.prepare()
        deadline = time.monotonic() + START_TIMEOUT_S
        self._process = self._spawn()
        while not self.answers():
            if time.monotonic() > deadline:
                self.kill()
                raise EmbeddedServerError(f"{self.name} did not start: {self._last_words()}")
            if self._process.poll() is not None:  # a killed predecessor may still be leaving
                self._process = self._spawn()
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server the clean way and wait for it; nothing happens if it does not run."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End the server as a crash would and wait for it."""
        self._end(signal.SIGKILL)
        self.clear()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with open(self.log, "ab") as log:
            return subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
                **self.spawn_options(),
            )

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read; it appears whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)
