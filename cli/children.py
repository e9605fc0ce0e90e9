"""One process that `up` keeps: what it is, and how it is started and ended.

A child gets a session of its own, so that Ctrl-C in the terminal reaches `up` alone, which then ends its children in
order. A clean stop signals the leader only: Celery's parent lets its child finish the job, a signal to both would not.
Whatever of its group is left when the leader has gone is killed.
"""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.sentinel import signal_group
from shared.settings import child_environment


@dataclass(frozen=True, kw_only=True)
class Child:
    """What to run, under which short name, and the signal that ends it cleanly.

    `orphaned` is the signal it gets when `up` itself was killed: a database is better off ending cleanly. `clear` ends
    what a dead leader left outside of its group.
    """

    name: str
    command: list[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    spawn_options: Mapping[str, Any] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    orphaned: signal.Signals = signal.SIGKILL
    clear: Callable[[], None] = lambda: None


async def spawn(child: Child) -> Process:
    """Start the process; it writes to its log."""
    child.log.parent.mkdir(parents=True, exist_ok=True)
    with open(child.log, "ab") as log:
        return await asyncio.create_subprocess_exec(
            *child.command,
            stdin=DEVNULL,
            stdout=log,
            stderr=STDOUT,
            env=child_environment(child.environment),
            start_new_session=True,
            **child.spawn_options,
        )


async def end(process: Process, how: signal.Signals, timeout_s: float) -> None:
    """Stop the process: `how` to the leader, SIGKILL to the group past the timeout."""
    if process.returncode is None:
        signal_group(process.pid, how)
    try:
        await asyncio.wait_for(process.wait(), timeout_s)
    except TimeoutError:
        signal_group(process.pid, signal.SIGKILL)
        await process.wait()
    signal_group(process.pid, signal.SIGKILL)


def last_words(log: Path) -> str:
    """Return the last line a child wrote, for the one who asks why it died."""
    if not log.exists():
        return ""
    with open(log, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def how_it_ended(returncode: int) -> str:
    """Say it in words: `exit code 1`, `killed by SIGKILL`."""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"killed by signal {-returncode}"
