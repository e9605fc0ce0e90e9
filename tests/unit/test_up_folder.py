"""What `up` keeps in its folder survives a death in the middle of a write."""

import fcntl
import threading
from pathlib import Path

import pytest

from cli.ports import free_port, refusal
from cli.up_folder import LOCK_FILE, PROBE_S, AlreadyUp, is_up, kept_port, locked
from cli.up_plan import Plan
from shared.settings import Settings


@pytest.mark.parametrize("note", [b"", b"abc", b"99999", b"0", b"-1", b"\xff\xfe"])
def test_a_note_that_is_no_port_gives_a_free_one(tmp_path: Path, note: bytes) -> None:
    (tmp_path / "postgres.port").write_bytes(note)
    port = kept_port(tmp_path / "postgres")
    assert refusal("127.0.0.1", port) is None
    assert kept_port(tmp_path / "postgres") == port


def test_the_port_of_last_time_is_kept(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "redis.port").write_text(f"{port}\n")
    assert kept_port(tmp_path / "redis") == port


@pytest.mark.parametrize("server", ["postgres", "redis", "demo"])
def test_a_server_leaves_the_port_of_the_api_alone_where_it_listened_before(tmp_path: Path, server: str) -> None:
    port = free_port()
    (tmp_path / f"{server}.port").write_text(str(port))
    Plan.of(Settings.from_env({"DATA_DIR": str(tmp_path), "PORT": str(port)}), ())
    assert (tmp_path / f"{server}.port").read_text() != str(port)


def test_two_servers_with_one_note_get_two_ports(tmp_path: Path) -> None:
    port = free_port()
    for server in ("postgres", "redis", "demo"):
        (tmp_path / f"{server}.port").write_text(str(port))
    Plan.of(Settings.from_env({"DATA_DIR": str(tmp_path)}), ())
    assert len({note.read_text() for note in tmp_path.glob("*.port")}) == 3


def test_a_write_that_is_cut_off_leaves_the_old_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = kept_port(tmp_path / "redis")

    def power_fails(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", power_fails)
    with pytest.raises(KeyboardInterrupt):
        kept_port(tmp_path / "redis")
    assert (tmp_path / "redis.port").read_text() == str(port)


def test_a_host_without_an_address_is_told_in_words() -> None:
    why = refusal("no.such.host.invalid", 8000)
    assert why
    assert "Unknown error" not in why


def test_a_look_whether_the_folder_is_held_refuses_no_up_that_starts_just_then(tmp_path: Path) -> None:
    with open(tmp_path / LOCK_FILE, "w") as probe:
        fcntl.flock(probe, fcntl.LOCK_SH)
        looked = threading.Timer(PROBE_S / 4, lambda: fcntl.flock(probe, fcntl.LOCK_UN))
        looked.start()
        with locked(tmp_path):
            assert is_up(tmp_path)
        looked.join()
    assert not is_up(tmp_path)


def test_a_second_up_is_refused_and_told_the_pid_of_the_first(tmp_path: Path) -> None:
    with open(tmp_path / LOCK_FILE, "w+") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        first.write("4711\n")
        first.flush()
        with pytest.raises(AlreadyUp, match="4711"), locked(tmp_path):
            raise AssertionError("it was let in")


def test_no_up_holds_a_folder_that_cannot_be_looked_into(tmp_path: Path) -> None:
    assert not is_up(tmp_path / (300 * "x"))
