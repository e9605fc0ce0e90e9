"""The README's tables say what the code does."""

import re
from pathlib import Path

from api.errors import STATUS
from shared.domain.errors import ErrorCode
from shared.domain.events import EventType
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    """Return the text under a heading of the second level."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """Return the cells of a section's table, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_setting_has_a_row_and_every_row_a_setting() -> None:
    named = {name for row in rows("Point it at your Forge") for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row[0])}
    assert named == {name.upper() for name in Settings.model_fields}


def test_every_error_code_has_a_row_with_its_status() -> None:
    table = {row[0].strip("`"): row[1] for row in rows("Errors")}
    assert set(table) == set(ErrorCode)
    for code, status in table.items():
        known = STATUS.get(ErrorCode(code))
        assert str(known) in status if known else status == "on jobs"


def test_every_event_has_a_row() -> None:
    assert {row[0].strip("`") for row in rows("The socket")} == set(EventType)


def test_what_is_said_to_hold_a_promise_or_a_name_exists() -> None:
    places = rows("What it promises") + rows("Where things live")
    paths = [path for row in places for path in re.findall(r"`([a-z][\w/.]*/[\w/.]*)`", row[1])]
    assert paths and [path for path in paths if not (ROOT / path).exists()] == []


def test_every_make_target_it_names_exists() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE)) <= set(targets)
