"""The account a server runs as that refuses to run as root.

As an ordinary user that is the user. As root it is `nobody`, or whoever owns the data already. That account must be
able to pass the folders above its own: each that stops it gets the execute bit for others (o+x), and nothing more.
"""

import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.embedded import EmbeddedServerError

ACCOUNT = "nobody"


@dataclass(frozen=True)
class Account:
    """An unprivileged user and its group, by number."""

    uid: int
    gid: int

    def own(self, folder: Path) -> None:
        """Create the folder for this account alone."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chown(folder, self.uid, self.gid)

    def let_pass(self, path: Path) -> None:
        """Open the folders above `path` as far as passing needs; raises EmbeddedServerError."""
        for folder in path.resolve().parents:
            if self._may_pass(folder.stat()):
                continue
            try:
                folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)
            except OSError as error:
                raise EmbeddedServerError(f"{ACCOUNT} cannot enter {folder}: chmod o+x it ({error})") from error

    def popen_options(self) -> dict[str, Any]:
        """Return the arguments with which `subprocess.Popen` becomes this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def _may_pass(self, folder: os.stat_result) -> bool:
        if folder.st_uid == self.uid:
            return bool(folder.st_mode & stat.S_IXUSR)
        if folder.st_gid == self.gid:
            return bool(folder.st_mode & stat.S_IXGRP)
        return bool(folder.st_mode & stat.S_IXOTH)


def account_for(folder: Path) -> Account | None:
    """Return the account for a server whose data is in `folder`; None when this process may run it as itself."""
    if os.geteuid() != 0:
        return None
    owner = folder.stat().st_uid if folder.exists() else 0
    entry = next(_entries(owner), None)
    if entry is None:
        raise EmbeddedServerError(f"there is no account {ACCOUNT}: start as an ordinary user, or set DATABASE_URL")
    return Account(entry.pw_uid, entry.pw_gid)


def _entries(owner: int) -> Iterator[pwd.struct_passwd]:
    accounts = pwd.getpwall()
    yield from (entry for entry in accounts if owner != 0 and entry.pw_uid == owner)
    yield from (entry for entry in accounts if entry.pw_name == ACCOUNT)
