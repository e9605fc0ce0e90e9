"""The last resort: ends the children of an `up` that was killed before it could.

`up` runs it as a program of its own and tells it on standard input which processes it started: `+ PID SIGNAL`, `- PID`
once one has gone. When that pipe closes, `up` is gone, however it went: every process group still listed gets SIGKILL
at once, except those with a signal of their own (a database ends cleanly); who is still there after the grace goes too.
Imports nothing but the standard library, and is not told of anything it did not start.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_S = 8.0


def main(lines: Iterable[str]) -> None:
    """Keep the list until the pipe closes, then end what stands on it."""
    listed: dict[int, int] = {}
    for line in lines:
        sign, pid, *how = line.split()
        if sign == "+":
            listed[int(pid)] = int(how[0])
        else:
            listed.pop(int(pid), None)
    end(listed)


def end(listed: dict[int, int]) -> None:
    """Signal every group, wait for the clean ones, kill the rest."""
    for pid, how in listed.items():
        signal_group(pid, how)
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline and any(signal_group(pid, 0) for pid in listed):
        time.sleep(0.1)
    for pid in listed:
        signal_group(pid, signal.SIGKILL)


def signal_group(pid: int, how: int) -> bool:
    """Signal the leader alone, or its whole group when it is to be killed; tell whether anyone was there."""
    try:
        if how == signal.SIGKILL:
            os.killpg(pid, how)
        else:
            os.kill(pid, how)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    main(sys.stdin)
