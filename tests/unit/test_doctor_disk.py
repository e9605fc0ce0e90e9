"""The doctor at a disk: its room, who may write there, what a killed `up` left behind, and a bucket that is away."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from cli.doctor import examine
from cli.doctor_disk import look_at_disk
from cli.doctor_findings import Finding, Level
from cli.up_folder import locked
from shared.settings import Settings

OTHER_DISKS = (Path("/dev/shm"), Path("/run"))


def faults(findings: Iterable[Finding]) -> list[tuple[str, str, str]]:
    return [(one.part, one.text, one.mend) for one in findings if one.level is Level.FAULT]


@pytest.mark.parametrize(
    ("free", "level"), [(10**8, Level.FAULT), (2 * 10**9, Level.ADVICE), (10**12, Level.OK)], ids=["full", "low", "ok"]
)
def test_a_disk_that_fills_up_is_told_in_time(tmp_path: Path, free: int, level: Level) -> None:
    settings = Settings.from_env({"DATA_DIR": str(tmp_path)}, while_up=False)
    assert next(look_at_disk(settings, lambda _path: free)).level is level


def test_a_folder_that_cannot_be_looked_into_ends_no_look(tmp_path: Path) -> None:
    settings = Settings.from_env({"DATA_DIR": str(tmp_path / (300 * "x"))}, while_up=False)
    assert [finding.part for finding in examine(settings)][-2:] == ["PostgreSQL", "Redis"]


def test_a_data_dir_that_is_a_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings.from_env({"DATA_DIR": str(tmp_path / "file")}, while_up=False)
    assert [text for _, text, _ in faults(look_at_disk(settings))] == [f"{tmp_path / 'file'} is no folder"]


def test_the_addresses_of_an_up_that_was_killed_are_told_as_such(tmp_path: Path) -> None:
    settings = Settings.from_env({"DATA_DIR": str(tmp_path)}, while_up=False)
    (tmp_path / "env").touch()
    with locked(tmp_path):
        assert not [one for one in faults(examine(settings)) if one[0] == "forgeline up"]
    (found,) = [one for one in faults(examine(settings)) if one[0] == "forgeline up"]
    assert "was killed" in found[1] and "start it again" in found[2]


def test_a_folder_of_pictures_apart_is_looked_at_too(tmp_path: Path) -> None:
    apart = tmp_path / "apart"
    apart.write_text("a file, where the folder should be")
    store = (apart / "pictures").as_uri()
    settings = Settings.from_env({"DATA_DIR": str(tmp_path), "IMAGE_STORE": store}, while_up=False)
    (found,) = faults(look_at_disk(settings))
    assert found[:2] == ("disk", f"{apart} is no folder")


def test_the_room_on_a_disk_of_pictures_alone_is_told(tmp_path: Path) -> None:
    elsewhere = next(
        (disk for disk in OTHER_DISKS if disk.is_dir() and disk.stat().st_dev != tmp_path.stat().st_dev), None
    )
    if elsewhere is None:
        pytest.skip("everything is on one disk here")
    settings = Settings.from_env({"DATA_DIR": str(tmp_path), "IMAGE_STORE": elsewhere.as_uri()}, while_up=False)
    found = list(look_at_disk(settings, lambda path: 0 if path == elsewhere else 10**12))
    assert [one.text for one in found if one.level is Level.FAULT] == [f"0.0 GB free under {elsewhere}"]


def test_an_image_store_that_does_not_answer_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    settings = Settings.from_env({"DATA_DIR": str(tmp_path), "IMAGE_STORE": "s3://pictures/x"}, while_up=False)
    (found,) = faults(look_at_disk(settings))
    assert found[0] == "images"
    assert "AWS_" in found[2]
