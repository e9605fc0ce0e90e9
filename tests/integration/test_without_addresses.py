"""A process that an operator starts without the addresses it needs ends in words; one that only looks makes nothing."""

import subprocess
from pathlib import Path

import pytest

from cli.up_plan import celery
from tests.faults.parts import PROGRAMS
from tests.stack import clean_environment

PROCESSES = {
    "api": ([str(PROGRAMS / "python"), "-m", "api.serve"], {"DATABASE_URL", "REDIS_URL"}),
    "GPU worker": ([*celery("worker"), "worker", "-n", "gpu1@%h"], {"DATABASE_URL", "REDIS_URL", "FORGE_URL"}),
    "maintenance worker": ([*celery("beat"), "worker", "-n", "maintenance@%h"], {"DATABASE_URL", "REDIS_URL"}),
    "beat": ([*celery("beat"), "beat"], {"REDIS_URL"}),
}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_without_its_addresses_names_each_and_ends(name: str, tmp_path: Path) -> None:
    command, needed = PROCESSES[name]
    done = started(command, tmp_path)
    assert done.returncode == 2, done.stderr
    assert named(done.stderr) == needed
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_with_wrong_settings_names_each_and_ends(name: str, tmp_path: Path) -> None:
    done = started(PROCESSES[name][0], tmp_path, PORT="none", LEASE_S="1")
    assert done.returncode == 2, done.stderr
    assert named(done.stderr) == {"PORT", "LEASE_S"}
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("app", ["beat", "worker"])
def test_a_command_that_looks_nowhere_says_which_setting_is_missing(app: str, tmp_path: Path) -> None:
    done = started([*celery(app), "status"], tmp_path)
    assert done.returncode != 0 and "redis-url-is-not-set" in done.stderr


@pytest.mark.parametrize("command", [("inspect", "ping", "-t", "0.1"), ("report",)])
@pytest.mark.parametrize("app", ["beat", "worker"])
def test_a_command_that_only_looks_makes_nothing(
    app: str, command: tuple[str, ...], redis_url: str, tmp_path: Path
) -> None:
    done = started([*celery(app), *command], tmp_path, DATA_DIR="var", REDIS_URL=redis_url)
    assert "Traceback" not in done.stderr and done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def started(command: list[str], folder: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a process to its end; one that waits for what is nowhere would have none."""
    environment = clean_environment({"DATA_DIR": str(folder), **settings})
    return subprocess.run(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        text=True,
        capture_output=True,
        check=False,
        timeout=90,
    )


def named(said: str) -> set[str]:
    """The settings that it complains of."""
    told = said.partition("wrong settings:\n")[2].splitlines()
    return {line.partition(":")[0].strip() for line in told if line.startswith("  ")}
