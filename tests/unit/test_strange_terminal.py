"""A terminal that does not know every character, or is gone: nothing ends for it, and nobody sees a traceback."""

import asyncio
import contextlib
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from cli import up_terminal
from cli.supervisor import Say
from tests.canned_api import canned_api
from tests.stack import clean_environment
from tests.waiting import wait_for

WARNINGS = "2026-01-01 00:00:00 [warning  ] ışık → fener\n" * 7


@pytest.mark.parametrize("encoding", ["ascii", "iso8859-9", "utf-8"])
@pytest.mark.parametrize("words", [("status",), ("doctor",), ("--help",)])
def test_a_command_prints_what_its_terminal_knows(tmp_path: Path, encoding: str, words: tuple[str, ...]) -> None:
    with canned_api() as api:
        given = {"FORGELINE_URL": api.url, "DATA_DIR": str(tmp_path / "fener ışığı"), "PYTHONIOENCODING": encoding}
        done = subprocess.run(
            [sys.executable, "-c", "from cli.main import main; main()", *words],
            env=clean_environment(given),
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            check=False,
            timeout=60,
        )
    assert b"Traceback" not in done.stderr and done.stdout
    assert done.returncode == (words == ("doctor",))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
@pytest.mark.parametrize("words", [("status",), ("status", "--json"), ("--help",), ("doctor",)])
def test_a_full_disk_below_what_is_printed_is_told_in_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    with canned_api() as api, open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from cli.main import main; main()", *words],
            env=clean_environment({"FORGELINE_URL": api.url, "DATA_DIR": str(tmp_path)}),
            cwd=Path(__file__).resolve().parents[2],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (1, "forgeline: cannot write: No space left on device\n")


def test_what_cannot_be_printed_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(shown, encoding="iso8859-9", write_through=True))
    up_terminal.say("api", "… 2 more")
    up_terminal.say("api", "it goes on")
    assert b"it goes on" in shown.getvalue()


def test_a_log_that_cannot_be_read_does_not_end_the_look_at_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    bad, good = tmp_path / "bad.log", tmp_path / "good.log"
    monkeypatch.setattr(up_terminal, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(up_terminal, "say", _unless_bad(told))

    async def both() -> None:
        following = asyncio.create_task(up_terminal.follow([bad, good]))
        await asyncio.sleep(0)  # it looks at both once, empty
        bad.write_text(WARNINGS)
        good.write_text(WARNINGS)
        await asyncio.to_thread(wait_for, lambda: told or following.done())
        assert not following.done()
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following

    asyncio.run(both())
    assert set(told) == {"good"}


def _unless_bad(told: list[str]) -> Say:
    def say(name: str, _text: str) -> None:
        if name == "bad":
            raise UnicodeEncodeError("iso8859-9", "…", 0, 1, "no such character")
        told.append(name)

    return say
