"""`forgeline up`: everything on this machine, restarted when it dies, gone when told to."""

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis

from cli.client import Client
from cli.ports import free_port
from tests import services
from tests.stack import FORGELINE, Stack, clean_environment, running_stack, still_alive
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
SHORT = {"SHUTDOWN_GRACE_S": "2"}

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a space in its name, and too long for a socket path."""
    return tmp_path_factory.mktemp("data dir " + 60 * "x")


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    """One stack for the tests that leave it whole."""
    with running_stack(folder, **SHORT) as stack:
        yield stack


def test_it_writes_addresses_for_its_owner_alone(stack: Stack) -> None:
    assert stat.S_IMODE((stack.data_dir / "env").stat().st_mode) == 0o600
    sourced = subprocess.check_output(
        ["sh", "-c", '. "$0"; echo "$DATABASE_URL $REDIS_URL $FORGE_URL"', stack.data_dir / "env"], text=True
    )
    database, redis_url, forge = sourced.split()
    psycopg2.connect(database).close()
    assert redis.Redis.from_url(redis_url).ping()
    assert forge.startswith("http://127.0.0.1:")


def test_commands_find_the_running_stack_without_any_setting(stack: Stack) -> None:
    only_folder = clean_environment({"DATA_DIR": str(stack.data_dir)})
    subprocess.run([FORGELINE, "migrate"], env=only_folder, check=True, timeout=30)
    asked = subprocess.run(
        [FORGELINE.with_name("celery"), "-A", "worker", "inspect", "active_queues", "--json", "-t", "5"],
        env=only_folder,
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert {queue["name"] for queues in json.loads(asked.stdout).values() for queue in queues} == {"gpu", "maintenance"}


def test_a_prompt_becomes_a_picture_from_the_command_line(stack: Stack, tmp_path: Path) -> None:
    done = subprocess.run(
        [FORGELINE, "generate", "a boat", "--width", "256", "--height", "256", "--steps", "4"],
        env=clean_environment({"FORGELINE_URL": stack.url}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    picture = Path(done.stdout.strip())
    assert picture.is_absolute() and picture.read_bytes().startswith(b"\x89PNG")
    assert "complete" in done.stderr


def test_a_client_is_told_what_the_server_refuses(stack: Stack) -> None:
    missing, refused = (
        subprocess.run(
            [FORGELINE, *words],
            env=clean_environment({"FORGELINE_URL": stack.url}),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        for words in (("cancel", "7d9fb2c4-0000-4000-8000-000000000000"), ("generate", "a boat", "--width", "65"))
    )
    assert missing.returncode == refused.returncode == 1
    assert missing.stderr.startswith("Error: ") and "width" in refused.stderr


def test_a_second_up_on_the_same_folder_names_the_first(stack: Stack) -> None:
    refused = _refused(DATA_DIR=str(stack.data_dir), PORT=str(free_port()))
    assert f"pid {stack.process.pid}" in refused


def test_a_busy_port_is_refused_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        refused = _refused(DATA_DIR=str(tmp_path), PORT=port)
    assert port in refused and refused.count("\n") == 1


def test_a_folder_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in ("/proc/nowhere", str(tmp_path / "file")):
        refused = _refused(DATA_DIR=folder, PORT=str(free_port()))
        assert folder in refused and refused.count("\n") == 1


def test_a_database_that_is_away_is_told_once(tmp_path: Path) -> None:
    database = f"postgresql://u@127.0.0.1:{free_port()}/d"
    refused = _refused(DATA_DIR=str(tmp_path), PORT=str(free_port()), DATABASE_URL=database)
    assert "forgeline up: the database cannot be reached: connection to server" in refused and "Error:" not in refused


def test_a_redis_that_is_away_is_waited_for_in_words(tmp_path: Path) -> None:
    with services.redis_server() as redis_server:
        redis_server.stop()
        settings = {"DATA_DIR": str(tmp_path), "PORT": str(free_port()), "REDIS_URL": redis_server.url, **SHORT}
        with Stack([str(FORGELINE), "up"], settings, cwd="/") as stack:
            stack.wait_for_line("up: waiting for redis (unreachable)")
            redis_server.start()
            stack.wait_ready()
    assert len([line for line in stack.lines if "waiting for" in line]) == 1


def test_every_wrong_setting_is_named_at_once(tmp_path: Path) -> None:
    refused = _refused(DATA_DIR=str(tmp_path), PORT="none", LEASE_S="1", RATE_LIMIT="often")
    assert all(name in refused for name in ("PORT", "LEASE_S", "RATE_LIMIT"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("redis", ("redis-server",)),
        ("postgres", ("postgres", "-D")),
        ("api", ("api.serve",)),
        ("gpu1", ("worker", "gpu1@")),
        ("maintenance", ("worker", "maintenance@")),
        ("beat", ("-A beat beat",)),
        ("forge-demo", ("forge-demo",)),
    ],
)
def test_what_is_killed_starts_again_and_is_told(stack: Stack, name: str, words: tuple[str, ...]) -> None:
    before = stack.child(*words)
    family = [before, *before.children(recursive=True)]
    before.kill()
    stack.wait_for_line(f"{name}: ended (killed by SIGKILL)")
    wait_for(lambda: not still_alive(family), what="what the dead one left")
    assert stack.child(*words).pid != before.pid


def test_it_serves_again_at_the_same_addresses_after_all_that(stack: Stack) -> None:
    addresses = stack.addresses()
    client = Client(stack.url)
    wait_for(client.is_ready, timeout_s=30)
    psycopg2.connect(addresses["DATABASE_URL"]).close()
    assert redis.Redis.from_url(addresses["REDIS_URL"]).ping()


def test_a_stop_or_a_kill_leaves_nothing_but_the_data(folder: Path, stack: Stack) -> None:
    redis.Redis.from_url(stack.addresses()["REDIS_URL"]).set("kept", "yes")
    family = stack.family()
    assert stack.stop() == 0
    assert not still_alive(family)
    assert not (folder / "env").exists()
    with running_stack(folder, **SHORT) as again:
        assert redis.Redis.from_url(again.addresses()["REDIS_URL"]).get("kept") == b"yes"
        with_it = again.family()
        again.process.kill()
        wait_for(lambda: not still_alive(with_it), timeout_s=15, what="the children of a killed up to go")


def test_ctrl_c_in_a_terminal_stops_everything(tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(tmp_path), "PORT": str(free_port()), **SHORT}
    with Stack(["make", "--no-print-directory", "run"], settings, cwd=ROOT, process_group=0) as stack:
        stack.wait_ready()
        family = stack.family()
        os.killpg(stack.process.pid, signal.SIGINT)  # what a terminal does: the whole foreground group
        stack.wait()
        assert not still_alive(family)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_an_ordinary_user_may_run_it() -> None:
    nobody = pwd.getpwnam("nobody")
    if not _may_run(FORGELINE, "nobody"):
        pytest.skip("that account cannot enter this checkout, or the home of its Python")
    home = Path(f"/tmp/forgeline-nobody-{os.getpid()}")  # pytest's own folders are closed to others
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    settings = {"DATA_DIR": str(home / "var"), "PORT": str(free_port()), "HOME": str(home), **SHORT}
    someone: dict[str, Any] = {"user": "nobody", "group": nobody.pw_gid, "extra_groups": []}
    try:
        with Stack([str(FORGELINE), "up"], settings, cwd=home, **someone) as stack:
            stack.wait_ready()
            assert {process.username() for process in stack.family()} == {"nobody"}
            family = stack.family()
            assert stack.stop() == 0
            assert not still_alive(family)
    finally:
        shutil.rmtree(home)


def _may_run(program: Path, user: str) -> bool:
    try:
        return subprocess.run([program, "--version"], user=user, capture_output=True, check=False).returncode == 0
    except PermissionError:
        return False


def _refused(**settings: str) -> str:
    tried = subprocess.run(
        [FORGELINE, "up"],
        env=clean_environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        timeout=30,
        check=False,
    )
    assert tried.returncode != 0
    return tried.stdout
