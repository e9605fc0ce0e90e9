"""How a job and the line look in a terminal.

What is alive goes to standard error, so that standard output holds the answer alone: a bar where a person watches, one
line for each change where a file does.
"""

import json
from collections.abc import Iterable
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

Json = dict[str, Any]

live = Console(stderr=True, highlight=False, soft_wrap=True)
answer = Console(highlight=False, soft_wrap=True)

COLORS = {
    "queued": "yellow",
    "processing": "cyan",
    "complete": "green",
    "error": "red",
    "cancelled": "dim",
    "closed": "green",
    "half_open": "yellow",
    "open": "red",
}


#: what differs at every look, though nothing happened
PASSING = dict.fromkeys(("server_time", "eta_seconds"))


def follow_job(changes: Iterable[Json]) -> Json:
    """Show a job until its changes end; gives its last state."""
    return _with_bar(changes) if live.is_terminal else _line_by_line(changes)


def follow_line(looks: Iterable[Json]) -> None:
    """Show every look at the line: in place where a person watches, one below the other, if it changed, in a file."""
    if not answer.is_terminal:
        _one_below_the_other(looks)
        return
    with Live(console=answer, auto_refresh=False) as screen:
        for look in looks:
            screen.update(overview(look), refresh=True)


def tell_line(looks: Iterable[Json]) -> None:
    """Tell programs every look at the line that differs from the one before: a JSON document a line."""
    told: Json = {}
    for look in looks:
        lasting = {**look, "jobs": [job | PASSING for job in look["jobs"]]}
        if lasting != told:
            told = lasting
            answer.out(json.dumps(look))


def where(job: Json) -> str:
    """Say where a job stands: `waiting, 2 of 5`, `sampling 40 %`, `error: …`."""
    if job["status"] == "queued":
        return f"{job['stage'] or 'waiting'}, {job['queue_position']} of {job['queue_total']}"
    if job["status"] == "processing":
        stopping = ", cancelling" if job["cancel_requested"] else ""
        return f"{job['stage'] or 'processing'} {job['progress']} %{stopping}"
    return f"{job['status']}: {job['error']}" if job["error"] else str(job["status"])


def overview(status: Json) -> RenderableType:
    """Draw the line, the workers and my jobs."""
    return Group(_totals(status["queue"]), _workers(status["workers"]), _jobs(status["jobs"]))


def _with_bar(changes: Iterable[Json]) -> Json:
    job: Json = {}
    columns = (
        SpinnerColumn(finished_text="•"),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=32),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", style="dim"),
    )
    with Progress(*columns, console=live) as bar:
        row = bar.add_task("submitted", total=100, left="")
        for job in changes:
            bar.update(row, completed=job["progress"], description=f"{where(job):<28}", left=_left(job))
    return job


def _line_by_line(changes: Iterable[Json]) -> Json:
    job: Json = {}
    said = ""
    for job in changes:
        if where(job) != said:
            said = where(job)
            live.print(said, markup=False)
    return job


def _one_below_the_other(looks: Iterable[Json]) -> None:
    said = ""
    for look in looks:
        with answer.capture() as drawn:
            answer.print(overview(look))
        if drawn.get() != said:
            said = drawn.get()
            answer.out(said)


def _left(job: Json) -> str:
    return "" if job["eta_seconds"] is None else f"about {round(job['eta_seconds'])} s left"


def _totals(queue: Json) -> Text:
    text = Text(f"{queue['waiting']} waiting, {queue['processing']} running")
    if queue["paused"]:
        text.append("  paused", style="yellow")
    if queue["held"]:
        retry = f", next try {queue['retry_at']}" if queue["retry_at"] else ""
        text.append(f"  held: no image server can be reached{retry}", style="red")
    return text


def _workers(workers: list[Json]) -> RenderableType:
    if not workers:
        return Text("no worker is alive", style="red")
    table = Table("worker", "circuit", "problem", "runs", "image server", box=None, header_style="dim")
    for worker in workers:
        state = worker["circuit"]["state"]
        forge = "demo renderer" if worker["demo"] else worker["forge"] or ""
        circuit = Text(state, style=COLORS.get(state, ""))
        table.add_row(worker["name"], circuit, worker["problem"] or "", worker["job_id"] or "", forge)
    return table


def _jobs(jobs: list[Json]) -> RenderableType:
    if not jobs:
        return Text("none of your jobs is unfinished", style="dim")
    table = Table("job", "state", "prompt", box=None, header_style="dim")
    for job in jobs:
        state = Text(where(job), style=COLORS.get(job["status"], ""))
        table.add_row(job["job_id"], state, Text(job["prompt"], overflow="ellipsis", no_wrap=True))
    return table
