"""What the doctor says: one line a finding, and what to do about it.

ok       as it should be
advice   works, and could be better; the exit code stays 0
fault    does not work, or will not for long; the exit code is 1
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    ADVICE = "advice"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `mend` says what to do, for anything but ok."""

    level: Level
    part: str
    text: str
    mend: str = ""


Findings = Iterator[Finding]


class EndOfLook(Exception):
    """The part that was looked at cannot be asked any more; why was told."""


def ok(part: str, text: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, part, text)


def advice(part: str, text: str, mend: str) -> Finding:
    """It works."""
    return Finding(Level.ADVICE, part, text, mend)


def fault(part: str, text: str, mend: str) -> Finding:
    """It does not."""
    return Finding(Level.FAULT, part, text, mend)


def exit_code(findings: Iterable[Finding]) -> int:
    """Return what a script should see."""
    return int(any(finding.level is Level.FAULT for finding in findings))
