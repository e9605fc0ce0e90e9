"""The doctor looks at what the client commands are told, and asks no server for it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.doctor import doctor

AWAY = ("DATABASE_URL", "REDIS_URL", "FORGE_URL", "IMAGE_STORE")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in AWAY:
        monkeypatch.delenv(name, raising=False)


def told_of(url: str, folder: Path) -> list[tuple[str, str]]:
    """Return level and text of what the doctor says of that FORGELINE_URL."""
    said = CliRunner().invoke(doctor, ["--json"], env={"FORGELINE_URL": url, "DATA_DIR": str(folder)})
    assert said.exit_code == 1, "there is no PostgreSQL either"
    findings = json.loads(said.stdout)
    assert {"PostgreSQL", "Redis"} <= {one["part"] for one in findings}, "everything else was looked at, too"
    return [(one["level"], one["text"]) for one in findings if one["part"] == "FORGELINE_URL"]


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://forge.example", "http://", "http://forge.example?a=b"])
def test_an_address_of_the_client_that_cannot_be_one_is_a_fault(url: str, tmp_path: Path) -> None:
    ((level, text),) = told_of(url, tmp_path)
    assert level == "fault" and "not an http:// or https:// address" in text


def test_one_that_can_be_is_told_without_its_password(tmp_path: Path) -> None:
    text = "client commands ask https://forge.example/f"
    assert told_of("https://ada:s3cret@forge.example/f/", tmp_path) == [("ok", text)]


def test_nothing_is_said_where_it_is_not_set(tmp_path: Path) -> None:
    assert told_of("", tmp_path) == []
