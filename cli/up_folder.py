"""What `up` holds in DATA_DIR while it runs: the lock, the addresses in use, the ports it keeps for its servers.

One `up` per folder: the kernel drops the lock with the process, however it ends, so there is no stale lock to clear.
The file with the addresses is removed at the stop, for nothing answers there any more.
"""

import fcntl
import os
import shlex
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from cli.embedded import write_secret
from cli.ports import free_port, refusal

LOCK_FILE = "up.lock"
#: Whoever only asks whether the folder is held lets go of it at once; another `up` does not.
PROBE_S, PROBE_LOOK_S = 0.3, 0.02
#: What an address may hold as it is; everything else is percent-encoded.
URL_CHARACTERS = ":/?#[]@!$&()*+,;=%-._~"
LONGEST_LOG = 10 * 1024 * 1024


class AlreadyUp(RuntimeError):
    """Another `up` runs on this folder."""


class FolderUnusable(RuntimeError):
    """Nothing can be written to DATA_DIR."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; raises AlreadyUp with the pid of who holds it, FolderUnusable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise FolderUnusable(f"DATA_DIR {folder} cannot be used: {error.strerror}") from None
    with open(lock, "r+") as file:
        try:
            _take(file)
        except BlockingIOError:
            pid = file.read().strip() or "unknown"
            raise AlreadyUp(f"another forgeline up (pid {pid}) runs on {folder}") from None
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def is_up(folder: Path) -> bool:
    """Tell whether some `up` holds the folder; none that we may not look into."""
    try:
        with open(folder / LOCK_FILE) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@retry(
    retry=retry_if_exception_type(BlockingIOError),
    stop=stop_after_delay(PROBE_S),
    wait=wait_fixed(PROBE_LOOK_S),
    reraise=True,
)
def _take(lock: TextIO) -> None:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write_addresses(path: Path, addresses: Mapping[str, str]) -> None:
    """Write `NAME=url` lines that a shell can source, for the owner's eyes alone."""
    encoded = {name: quote(url, safe=URL_CHARACTERS) for name, url in addresses.items()}
    write_secret(path, "".join(f"{name}={shlex.quote(url)}\n" for name, url in encoded.items()))


def kept_port(folder: Path, taken: Collection[int] = ()) -> int:
    """Return the loopback port of the server that lives in `folder`: last time's, unless someone took it.

    `taken` are those on which others of this start will listen.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    note = folder.with_name(f"{folder.name}.port")
    port = _noted_port(note)
    if port is None or port in taken or refusal("127.0.0.1", port):
        port = free_port(taken)
    write_secret(note, str(port))
    return port


def _noted_port(note: Path) -> int | None:
    """Return the port in the note; None without one, or if no port stands there, as after a write that was cut off."""
    try:
        port = int(note.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return port if 1 <= port <= 65_535 else None


def turn_logs(folder: Path) -> None:
    """Put logs that grew long aside, one generation back."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > LONGEST_LOG:
            log.replace(log.with_suffix(".log.1"))
