"""The whole stack in a test: `forgeline up` as a process of its own, in a folder of its own, on a free port."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from dotenv import dotenv_values

from cli.ports import free_port
from shared.settings import Settings
from tests.waiting import wait_for

FORGELINE = Path(sys.executable).parent / "forgeline"
SETTINGS = frozenset(name.upper() for name in Settings.model_fields) | {"FORGELINE_URL", "FORGELINE_TOKEN"}


class Stack:
    """One `up` that was started; `lines` is what it said so far, without colours."""

    def __init__(self, command: list[str], environment: Mapping[str, str], **popen_options: Any) -> None:
        self.environment = clean_environment(environment)
        self.data_dir = Path(self.environment["DATA_DIR"])
        self.url = f"http://127.0.0.1:{self.environment['PORT']}"
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **popen_options,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_for_line(self, text: str, *, timeout_s: float = 30.0) -> str:
        """Return the first line with `text` in it, once it was said."""
        try:
            return wait_for(lambda: next((line for line in self.lines if text in line), ""), timeout_s=timeout_s)
        except AssertionError as error:
            raise AssertionError(f"no line with {text!r} in:\n" + "\n".join(self.lines)) from error

    def wait_ready(self, *, timeout_s: float = 60.0) -> None:
        """Return once it is ready."""
        self.wait_for_line("ready: ", timeout_s=timeout_s)

    def addresses(self) -> dict[str, str]:
        """Return what DATA_DIR/env says."""
        return {name: value or "" for name, value in dotenv_values(self.data_dir / "env").items()}

    def up(self) -> psutil.Process:
        """Return the process that supervises (the command may be a `make` around it)."""
        return psutil.Process(int((self.data_dir / "up.lock").read_text()))

    def child(self, *words: str) -> psutil.Process:
        """Return the supervised process whose command line holds all the words, waiting for it."""

        def found() -> psutil.Process | None:
            return next((process for process in self.up().children() if _says(process, words)), None)

        process = wait_for(found, what=f"a child {words}")
        assert process is not None
        return process

    def family(self) -> list[psutil.Process]:
        """Return everything that was started, whoever is its parent by now."""
        return [self.up(), *self.up().children(recursive=True)]

    def stop(self, how: int = signal.SIGTERM, *, timeout_s: float = 25.0) -> int:
        """Tell it to stop and wait; gives the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.wait(timeout_s=timeout_s)

    def wait(self, *, timeout_s: float = 25.0) -> int:
        """Wait for its end; gives the exit code."""
        code = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        if self.process.stdout:
            self.process.stdout.close()
        return code

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line.rstrip())


@contextmanager
def running_stack(folder: Path, **settings: str) -> Iterator[Stack]:
    """Run `forgeline up` in `folder` inside the `with` block, ready when it begins."""
    chosen = {"DATA_DIR": str(folder), "PORT": str(free_port()), **settings}
    with Stack([str(FORGELINE), "up"], chosen, cwd="/") as stack:
        stack.wait_ready()
        yield stack


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return our environment with these settings and no other."""
    return {name: value for name, value in os.environ.items() if name not in SETTINGS} | dict(settings)


def still_alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that run; a zombie that nobody reaps does not."""
    return [process for process in processes if _runs(process)]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:  # it ended between the two questions
        return False


def _says(process: psutil.Process, words: tuple[str, ...]) -> bool:
    try:
        return all(word in " ".join(process.cmdline()) for word in words)
    except psutil.Error:
        return False
