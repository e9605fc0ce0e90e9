"""The supervisor, over small processes that behave well, badly, or not at all."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from cli.children import Child
from cli.supervisor import Supervisor
from tests.stack import still_alive
from tests.waiting import wait_for

#: Each writes its pid into the file first; what it does at SIGTERM differs.
POLITE = "import os,sys,time; open(sys.argv[1],'a').write(f'{os.getpid()}\\n'); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {POLITE}"
PARENT = (
    "import os,signal,subprocess,sys; file = sys.argv[1]\n"
    'busy = \'import os,sys,time; open(sys.argv[1],"a").write(f"{os.getpid()}\\\\n"); time.sleep(60)\'\n'
    "child = subprocess.Popen([sys.executable, '-c', busy, file])\n"
    "# and\n"
    "child.wait(); sys.exit(5 if child.returncode else 0)"
)
#: Its own parent waits for the child, as Celery's does for a job: a signal to both would end the job.
PATIENT = PARENT.replace("# and", "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
DYING = "import sys; open(sys.argv[1],'a').write('0\\n'); print('no such thing'); sys.exit(3)"


class Told(list[str]):
    """What was said."""

    def say(self, name: str, text: str) -> None:
        """Keep it."""
        self.append(f"{name}: {text}")


@pytest.fixture
def told() -> Told:
    """An ear."""
    return Told()


def child(folder: Path, program: str) -> Child:
    """Return a child that runs this program; its pids appear in `folder`/pids."""
    return Child(name="it", command=[sys.executable, "-c", program, str(folder / "pids")], log=folder / "it.log")


def pids(folder: Path) -> list[int]:
    """Return who wrote a pid so far."""
    path = folder / "pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def supervised(told: Told, program: Child, story: Callable[[Supervisor], Awaitable[None]]) -> None:
    """Run the story with this child kept."""

    async def tell() -> None:
        supervisor = Supervisor(told.say)
        await supervisor.open()
        supervisor.keep(program)
        try:
            await story(supervisor)
        finally:
            await supervisor.stop(supervisor.names, 0.2)
            await supervisor.close()

    asyncio.run(tell())


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition without holding up the supervisor."""
    await asyncio.to_thread(wait_for, condition)


def test_a_killed_child_starts_again(told: Told, tmp_path: Path) -> None:
    async def story(_: Supervisor) -> None:
        await until(lambda: pids(tmp_path))
        psutil.Process(pids(tmp_path)[0]).kill()
        await until(lambda: len(pids(tmp_path)) == 2)

    supervised(told, child(tmp_path, POLITE), story)
    assert told[0] == "it: ended (killed by SIGKILL); starts again in 0.5 s"


def test_a_child_that_keeps_dying_waits_longer_each_time_and_its_last_words_are_told(
    told: Told, tmp_path: Path
) -> None:
    async def story(_: Supervisor) -> None:
        await until(lambda: len(told) == 3)

    supervised(told, child(tmp_path, DYING), story)
    assert told == [f"it: ended (exit code 3): no such thing; starts again in {pause} s" for pause in ("0.5", "1", "2")]


def test_a_command_that_does_not_exist_is_told(told: Told, tmp_path: Path) -> None:
    async def story(_: Supervisor) -> None:
        await until(lambda: told)

    supervised(told, Child(name="it", command=["/no/such"], log=tmp_path / "it.log"), story)
    assert "cannot start" in told[0]


def test_a_stop_is_no_death(told: Told, tmp_path: Path) -> None:
    async def story(supervisor: Supervisor) -> None:
        await until(lambda: pids(tmp_path))
        await supervisor.stop(["it"], 5)
        assert supervisor.names == []

    supervised(told, child(tmp_path, POLITE), story)
    assert not told
    assert not psutil.pid_exists(pids(tmp_path)[0])


def test_who_does_not_leave_in_time_is_killed(told: Told, tmp_path: Path) -> None:
    async def story(supervisor: Supervisor) -> None:
        await until(lambda: pids(tmp_path))
        await supervisor.stop(["it"], 0.2)

    supervised(told, child(tmp_path, STUBBORN), story)
    assert not psutil.pid_exists(pids(tmp_path)[0])


def test_a_stop_signals_the_leader_and_not_its_busy_child(told: Told, tmp_path: Path) -> None:
    async def story(supervisor: Supervisor) -> None:
        await until(lambda: pids(tmp_path))
        stopping = asyncio.create_task(supervisor.stop(["it"], 1.0))
        done, _ = await asyncio.wait({stopping}, timeout=0.5)
        assert not done
        assert still_alive([psutil.Process(pids(tmp_path)[0])])
        await stopping

    supervised(told, child(tmp_path, PATIENT), story)


def test_what_a_dead_child_leaves_behind_is_ended(told: Told, tmp_path: Path) -> None:
    async def story(_: Supervisor) -> None:
        await until(lambda: pids(tmp_path))
        orphan = psutil.Process(pids(tmp_path)[0])
        orphan.parent().kill()  # type: ignore[union-attr]  # it has one
        await until(lambda: not still_alive([orphan]))

    supervised(told, child(tmp_path, PARENT), story)


def test_a_kill_does_not_wait_for_the_stop_that_is_under_way(told: Told, tmp_path: Path) -> None:
    async def story(supervisor: Supervisor) -> None:
        await until(lambda: pids(tmp_path))
        stopping = asyncio.create_task(supervisor.stop(["it"], 60))
        await asyncio.sleep(0)
        supervisor.kill(["it"])
        await asyncio.wait_for(stopping, 5)

    supervised(told, child(tmp_path, STUBBORN), story)


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from tests.integration.test_supervisor import STUBBORN, Told, child, supervised
async def story(_): await asyncio.sleep(60)
supervised(Told(), child(Path(sys.argv[1]), STUBBORN), story)
"""
    running = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
    wait_for(lambda: pids(tmp_path))
    kept = psutil.Process(pids(tmp_path)[0])
    running.send_signal(signal.SIGKILL)
    running.wait()
    wait_for(lambda: not still_alive([kept]))
