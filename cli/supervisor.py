"""Keeps processes running: what dies starts again, after a pause that grows while it keeps dying.

    start ──▶ running ──dies──▶ pause (0.5, 1, 2 … 30 s; 0.5 again after ten seconds of health) ──▶ start
                 └──stop()──▶ its stop signal ──▶ gone, by SIGKILL past the deadline

It ends what it started and nothing else. Each child is told to the sentinel, which ends them if this process is killed.
"""

import asyncio
import contextlib
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Iterable
from pathlib import Path

from cli import sentinel
from cli.children import Child, end, how_it_ended, last_words, spawn

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
#: A child that ran so long was well: its next death starts with the first pause again.
HEALTHY_AFTER_S = 10.0

Say = Callable[[str, str], None]


class Supervisor:
    """Every child of one `up`; `say(name, text)` tells the terminal what happens to them."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._kept: dict[str, Kept] = {}
        self._sentinel: Process | None = None

    async def open(self) -> None:
        """Start the sentinel; call this before the first child."""
        command = [sys.executable, "-E", "-S", str(Path(sentinel.__file__))]
        self._sentinel = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=DEVNULL, start_new_session=True
        )

    async def close(self) -> None:
        """End the sentinel; call this after the last child."""
        if self._sentinel and self._sentinel.stdin:
            self._sentinel.stdin.close()
            await self._sentinel.wait()

    def keep(self, child: Child) -> None:
        """Run this child from now on, until `stop`."""
        self._kept[child.name] = Kept(child, self._say, self._tell)

    async def once(self, child: Child) -> int:
        """Run this child to its end; gives its exit code."""
        process = await spawn(child)
        self._tell(f"+ {process.pid} {int(child.orphaned)}")
        try:
            return await process.wait()
        finally:
            await end(process, child.stop_signal, 2.0)
            self._tell(f"- {process.pid}")

    async def stop(self, names: Iterable[str], within_s: float) -> None:
        """End these children together; who is not gone within the time is killed."""
        going = [name for name in names if name in self._kept]
        await asyncio.gather(*(self._kept[name].stop(within_s) for name in going))
        for name in going:
            del self._kept[name]

    def kill(self, names: Iterable[str]) -> None:
        """End these children at once, also while a `stop` waits for them."""
        for name in names:
            if name in self._kept:
                self._kept[name].kill()

    @property
    def names(self) -> list[str]:
        """Who is kept now, in the order they came."""
        return list(self._kept)

    def _tell(self, line: str) -> None:
        if self._sentinel and self._sentinel.stdin:
            with contextlib.suppress(OSError):
                self._sentinel.stdin.write(f"{line}\n".encode())


class Kept:
    """One child that is started again whenever it ends."""

    def __init__(self, child: Child, say: Say, tell: Callable[[str], None]) -> None:
        self._child = child
        self._say = say
        self._tell = tell
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def stop(self, within_s: float) -> None:
        """End the child for good."""
        self._stopping.set()
        if self._process:
            await end(self._process, self._child.stop_signal, within_s)
        await self._task

    def kill(self) -> None:
        """End the child at once; a `stop` that waits for it then returns."""
        self._stopping.set()
        if self._process and self._process.returncode is None:
            sentinel.signal_group(self._process.pid, signal.SIGKILL)

    async def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            started = time.monotonic()
            trouble = await self._live_once()
            if self._stopping.is_set():
                return
            if time.monotonic() - started > HEALTHY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            self._say(self._child.name, f"{trouble}; starts again in {pause_s:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _live_once(self) -> str:
        """Start the child, wait for its end, clear what it left; say how it ended."""
        try:
            self._process = await spawn(self._child)
        except OSError as error:
            return f"cannot start: {error}"
        self._tell(f"+ {self._process.pid} {int(self._child.orphaned)}")
        if self._stopping.is_set():
            await end(self._process, self._child.stop_signal, 1.0)
        returncode = await self._process.wait()
        sentinel.signal_group(self._process.pid, signal.SIGKILL)
        await asyncio.to_thread(self._child.clear)
        self._tell(f"- {self._process.pid}")
        words = last_words(self._child.log) if returncode > 0 else ""
        return f"ended ({how_it_ended(returncode)})" + (f": {words}" if words else "")
