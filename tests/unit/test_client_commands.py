"""What the client commands say, as far as no server is needed for it, or one in a can."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner
from rich.console import Console

from cli import terminal
from cli.main import cli
from cli.ports import free_port
from tests.canned_api import COMPLETE, LOST, CannedApi, canned_api
from tests.stack import clean_environment

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a secret that is long enough for HS256"
JOB: dict[str, Any] = {
    "job_id": "7d9f",
    "status": "queued",
    "stage": "waiting",
    "progress": 0,
    "queue_position": 2,
    "queue_total": 5,
    "eta_seconds": None,
    "cancel_requested": False,
    "error": None,
    "prompt": "a [red] fox",
}

#: the command line; what was started in the background by a shell would hear no Ctrl-C
HEARS_CTRL_C = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from cli.main import main; main()"
)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: str, **environ: str) -> tuple[int, str, str]:
    """Run a command; gives the exit code, what it said, and what it said of errors."""
    done = CliRunner().invoke(cli, words, env=environ)
    return done.exit_code, done.stdout, done.stderr


def test_a_token_names_its_user_and_ends() -> None:
    code, said, _ = run("token", "--user", "42", "--name", "ada", "--admin", "--days", "1", JWT_SECRET=SECRET)
    claims = jwt.decode(said.strip(), SECRET, algorithms=["HS256"])
    assert code == 0
    assert (claims["sub"], claims["preferred_username"], claims["roles"]) == ("42", "ada", ["admin"])
    assert claims["exp"] - claims["iat"] == 86400


def test_a_secret_that_is_short_is_told_beside_the_token() -> None:
    code, said, told = run("token", "--user", "42", JWT_SECRET="short")
    assert (code, said.count("."), told) == (0, 2, "JWT_SECRET is short; use 32 bytes or more\n")


@pytest.mark.parametrize("option", ["--port", "--control-port"])
def test_a_demo_renderer_whose_port_is_taken_says_so(option: str) -> None:
    with canned_api() as api:
        port = str(api.server_address[1])
        code, said, told = run("forge-demo", "--port", "0", option, port)
    assert (code, said) == (1, "")
    assert told == f"Error: cannot listen on 127.0.0.1, port {port} (Address already in use)\n"


def test_a_token_is_for_the_audience_and_by_the_issuer_of_the_settings() -> None:
    _, said, _ = run("token", "--user", "42", JWT_SECRET=SECRET, JWT_AUDIENCE="us", JWT_ISSUER="we")
    claims = jwt.decode(said.strip(), SECRET, algorithms=["HS256"], audience="us", issuer="we")
    assert claims["roles"] == [] and "preferred_username" not in claims


@pytest.mark.parametrize(
    "words",
    [
        ("--user", ""),
        ("--user", " "),
        ("--user", "a\nb"),
        ("--user", 256 * "a"),
        ("--name", " "),
        ("--days", "nan"),
        ("--days", "inf"),
        ("--days", "1e300"),
        ("--days", "0"),
    ],
)
def test_a_token_that_nobody_could_use_is_not_made(words: tuple[str, str]) -> None:
    given = {"--user": "7"} | {words[0]: words[1]}
    code, _, told = run("token", *(word for pair in given.items() for word in pair), JWT_SECRET=SECRET)
    assert code == 2 and words[0] in told


def test_without_a_secret_there_is_no_token() -> None:
    code, said, error = run("token", "--user", "42", JWT_SECRET="")
    assert (code, said) == (1, "") and "JWT_SECRET" in error


@pytest.mark.parametrize("words", [("status",), ("watch", "7d9f"), ("cancel", "7d9f"), ("generate", "a fox")])
def test_a_server_that_is_not_there_is_told_in_one_line(words: tuple[str, ...]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    code, said, error = run(*words, FORGELINE_URL=url)
    assert (code, said) == (1, "")
    assert url in error and error.count("\n") == 1


def test_a_database_that_is_away_is_told_in_one_line() -> None:
    code, said, error = run("migrate", DATABASE_URL=f"postgresql://u:hidden@127.0.0.1:{free_port()}/d")
    assert (code, said) == (1, "") and error.startswith("Error: ") and error.count("\n") == 1
    assert "refused" in error and "hidden" not in error


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "waiting, 2 of 5"),
        ({"stage": "held"}, "held, 2 of 5"),
        ({"status": "processing", "stage": "sampling", "progress": 40}, "sampling 40 %"),
        (
            {"status": "processing", "stage": "sampling", "progress": 40, "cancel_requested": True},
            "sampling 40 %, cancelling",
        ),
        ({"status": "complete", "stage": None}, "complete"),
        ({"status": "error", "stage": None, "error": "Forge did not answer."}, "error: Forge did not answer."),
    ],
)
def test_a_job_says_where_it_stands(change: dict[str, Any], said: str) -> None:
    assert terminal.where({**JOB, **change}) == said


def test_the_overview_shows_the_line_the_workers_and_my_jobs() -> None:
    worker = {"name": "gpu1@host", "forge": "http://f:7860", "demo": False, "problem": "unreachable", "job_id": None}
    status = {
        "queue": {"waiting": 5, "processing": 1, "paused": True, "held": True, "retry_at": "2026-01-01T00:00:00Z"},
        "workers": [{**worker, "circuit": {"state": "open", "failures": 5, "retry_at": None}}],
        "jobs": [JOB],
    }
    console = Console(width=140, file=StringIO())
    console.print(terminal.overview(status))
    shown = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO
    for part in ("5 waiting, 1 running", "paused", "held", "gpu1@host", "open", "unreachable", "7d9f", "a [red] fox"):
        assert part in shown, part


@pytest.mark.parametrize("words", [("watch", "7d9f"), ("retry", "7d9f"), ("generate", "a fox")])
def test_a_picture_that_was_deleted_is_told_and_is_a_failure(words: tuple[str, ...]) -> None:
    with canned_api() as api:
        api.job = {**COMPLETE, "image_url": None, "image_expired": True}
        code, said, told = run(*words, FORGELINE_URL=api.url)
    assert (code, said) == (1, "") and "deleted" in told


def test_the_end_of_a_job_is_told_once_and_word_for_word() -> None:
    with canned_api() as api:
        api.job = {**COMPLETE, "status": "error", "error": "no [bold]memory[/bold] left"}
        code, said, told = run("watch", "7d9f", FORGELINE_URL=api.url)
    assert (code, said) == (1, "")
    assert told.count("error:") == told.count("error: no [bold]memory[/bold] left") == 1


def test_a_file_that_cannot_be_written_is_told_before_anything_is_submitted(tmp_path: Path) -> None:
    (tmp_path / "afile").touch()
    with canned_api() as api:
        code, said, told = run("generate", "a fox", "--out", "afile/a.png", FORGELINE_URL=api.url)
    assert (code, said, api.asked) == (1, "", []) and "afile/a.png cannot be written" in told


def test_a_picture_that_is_not_waited_for_has_no_file_to_be_saved_in() -> None:
    with canned_api() as api:
        code, said, told = run("generate", "a fox", "--no-wait", "--out", "a.png", FORGELINE_URL=api.url)
    assert (code, said, api.asked) == (2, "", []) and "--no-wait and --out exclude each other" in told


def lines_of_a_watch(api: CannedApi, *words: str, telling: Callable[[str], object], many: int) -> list[str]:
    """Watch the line through a pipe until so many lines tell something, then press Ctrl-C; gives those lines."""
    command = [sys.executable, "-c", HEARS_CTRL_C, "status", "--watch", *words]
    environment = clean_environment({"FORGELINE_URL": api.url, "PYTHONPATH": str(ROOT)})
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout and watching.stderr
        found: list[str] = []
        try:
            while len(found) < many:
                line = watching.stdout.readline()
                assert line, watching.stderr.read()
                found += [line.strip()] if telling(line) else []
            watching.send_signal(signal.SIGINT)
            _, told = watching.communicate(timeout=20)
        finally:
            watching.kill()
    assert (watching.returncode, told) == (130, "")
    return found


def test_a_watched_line_goes_into_a_pipe_at_every_change_and_outlives_a_restart_of_the_server() -> None:
    with canned_api() as api:
        first = api.answer_to("/image/status")
        api.answers = [first, LOST, first]
        api.line = {**api.line, "waiting": 4}
        totals = lines_of_a_watch(api, telling=lambda line: "waiting," in line and "running" in line, many=2)
    assert totals == ["1 waiting, 0 running", "4 waiting, 0 running"]


def test_a_watched_line_is_told_to_programs_in_a_line_of_json_at_every_change() -> None:
    with canned_api() as api:
        first = api.answer_to("/image/status")
        later = {**first, "jobs": [{**first["jobs"][0], "server_time": "later", "eta_seconds": 1}]}
        api.answers = [first, later, LOST, later]
        api.line = {**api.line, "waiting": 4}
        told = [json.loads(line) for line in lines_of_a_watch(api, "--json", telling=bool, many=2)]
    assert told == [first, {**first, "queue": api.line}]
