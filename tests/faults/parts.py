"""One process of the stack, started by the command an operator types, ended as faults end processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.stack import clean_environment
from tests.waiting import wait_for

PROGRAMS = Path(sys.executable).parent
STOP_S = 20.0


def celery(app: str, *words: str) -> list[str]:
    """Return `celery -A APP …`, the one beside this Python."""
    return [str(PROGRAMS / "celery"), "-A", app, *words]


class Part:
    """A process that may be killed, frozen, ended and started again; it writes to one log."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.own = dict(environment)
        self.environment = dict(environment)
        self.command = command
        self._log = log
        self._read = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless it runs."""
        if self.runs:
            return
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                self.command,
                env=clean_environment(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The main process's id."""
        assert self._process is not None
        return self._process.pid

    def child(self) -> psutil.Process:
        """Return the pool's child, waiting for it (billiard's only child that works)."""

        def found() -> psutil.Process | None:
            children = psutil.Process(self.pid).children()
            return next((child for child in children if child.status() != psutil.STATUS_ZOMBIE), None)

        process = wait_for(found, what=f"a child of {self.name}")
        assert process is not None
        return process

    def signal(self, number: int) -> None:
        """Send a signal to the main process."""
        os.kill(self.pid, number)

    def signal_group(self, number: int) -> None:
        """Send a signal to the main process and its children, as a terminal or a container does."""
        os.killpg(self.pid, number)

    def mend(self) -> None:
        """End it if a test left it with other settings than its own; the next start has those again."""
        if self.environment != self.own:
            self.stop()
            self.environment = dict(self.own)

    def thaw(self) -> None:
        """Let whatever a test froze go on."""
        if self.runs:
            self.signal_group(signal.SIGCONT)

    def kill(self) -> None:
        """End it as `kill -9` does, and wait for it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_S)

    def wait(self, timeout_s: float = STOP_S) -> int:
        """Wait for its end; return the exit code."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def stop(self) -> None:
        """End it for good: SIGTERM, then SIGKILL to whatever is left of its group."""
        if self._process is None:
            return
        self.thaw()
        if self.runs:
            self.signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)
        try:
            self.signal_group(signal.SIGKILL)
        except ProcessLookupError:
            return

    def forget_words(self) -> None:
        """From here on only what it says anew counts; tests run in any order."""
        self._read = self._log.stat().st_size

    def said(self, text: str) -> int:
        """Count the lines of its log that hold `text`, since the test began."""
        words = self._log.read_bytes()[self._read :].decode(errors="replace")
        return sum(text in line for line in words.splitlines())
