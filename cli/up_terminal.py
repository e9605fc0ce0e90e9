"""What `up` says on the terminal: what runs where, who died, and the warnings its children write into their logs."""

import asyncio
import contextlib
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import click

from cli.up_plan import Plan

#: A line of a child's log that a person should see, in either log format.
WORTH_SEEING = re.compile(r"\[(warning|error|critical) *\]|\"level\": ?\"(warning|error|critical)\"")
LONGEST_LINE = 220
MOST_LINES = 5
LOOK_EVERY_S = 0.5

DEMO = "the demo renderer: it draws pictures without a GPU; set FORGE_URL for a real Forge"


def line(text: str) -> None:
    """Print a line, if it can be printed: nobody may read any more, and the stack does not end for that."""
    with contextlib.suppress(OSError, ValueError):
        click.echo(text)


def say(name: str, text: str) -> None:
    """Print what happened to a child."""
    line(f"{datetime.now():%H:%M:%S} {click.style(name, bold=True)}: {text}")


def introduce(plan: Plan) -> None:
    """Print what runs where."""
    addresses = plan.addresses()
    postgres = "embedded" if "DATABASE_URL" in plan.servers else "yours"
    redis = "embedded" if "REDIS_URL" in plan.servers else "yours"
    rows = [
        ("data", str(plan.settings.data_dir)),
        ("postgres", f"{_place(addresses['DATABASE_URL'])} ({postgres})"),
        ("redis", f"{_place(addresses['REDIS_URL'])} ({redis})"),
        *((name, f"{_place(forge)}{_demo(plan)}") for name, forge in zip(plan.gpu_names, plan.forges, strict=True)),
        ("logs", str(plan.logs)),
    ]
    line(click.style("Forgeline", bold=True))
    for name, text in rows:
        line(f"  {name:<10}{text}")


async def follow(logs: Iterable[Path]) -> None:
    """Print the warnings and errors that appear in the logs from now on; what cannot be read or told is left out."""
    seen = {log: _size(log) for log in logs}
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        for log, position in seen.items():
            seen[log] = _size(log)
            with contextlib.suppress(OSError, ValueError):
                _tell_new(log, position)


def _tell_new(log: Path, position: int) -> None:
    if _size(log) <= position:
        return
    with open(log, "rb") as file:
        file.seek(position)
        fresh = file.read().decode(errors="replace").splitlines()
    worth = [text for text in fresh if WORTH_SEEING.search(text)]
    for text in worth[:MOST_LINES]:
        say(log.stem, text[:LONGEST_LINE])
    if len(worth) > MOST_LINES:
        say(log.stem, f"… {len(worth) - MOST_LINES} more in {log}")


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0


def _place(url: str) -> str:
    """Return the address without its login and path; a Sentinel one may name several hosts, which urlsplit refuses."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0].rpartition('@')[2]}"


def _demo(plan: Plan) -> str:
    return f" ({DEMO})" if plan.demo_url else ""
