"""The client commands: submit, watch, look, cancel, retry. They speak to the API as any other client does."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from cli import terminal
from cli.client import Client, must_be_writable
from cli.client_call import Json

LOOK_EVERY_S = 1.0
#: What the name of a picture is like that has none yet.
SOME_PICTURE = "picture.png"


@click.command()
@click.argument("prompt")
@click.option("--negative", "negative_prompt", help="What the picture should not show.")
@click.option("--width", type=int, help="Pixels, a multiple of 8.")
@click.option("--height", type=int, help="Pixels, a multiple of 8.")
@click.option("--steps", type=int, help="Sampling steps.")
@click.option("--cfg", "cfg_scale", type=float, help="CFG scale.")
@click.option("--distilled-cfg", "distilled_cfg_scale", type=float, help="Distilled CFG scale (Flux).")
@click.option("--sampler", "sampler_name", help="A sampler of this server's (GET /image/options).")
@click.option("--scheduler", help="A scheduler of this server's.")
@click.option("--seed", type=int, help="-1 or nothing: a random one.")
@click.option("--model", help="A model of this server's. Default: the one loaded now.")
@click.option("--conversation", "conversation_id", help="Continue this conversation.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="File to save. Default: here, by its name.",
)
@click.option("--no-wait", is_flag=True, help="Print the job's id and leave.")
def generate(out: Path | None, no_wait: bool, **request: Any) -> None:
    """Submit PROMPT and watch it become a picture; prints the path of the saved file."""
    if no_wait and out:
        raise click.UsageError("--no-wait and --out exclude each other: a picture is saved once it was waited for")
    client = Client.from_env()
    if not no_wait:
        must_be_writable(out or Path(SOME_PICTURE))
    job = client.submit(**{name: value for name, value in request.items() if value is not None})
    if no_wait:
        terminal.answer.print(job["job_id"])
        return
    finished = follow(client, job)
    path = out or Path(client.picture_url(finished).rpartition("/")[2])
    terminal.answer.print(str(client.download(finished, path)), markup=False)


@click.command()
@click.argument("job_id", metavar="JOB")
def watch(job_id: str) -> None:
    """Watch JOB until it ends; prints the address of its picture."""
    client = Client.from_env()
    finished = follow(client, client.job(job_id))
    terminal.answer.print(client.picture_url(finished), markup=False)


@click.command()
@click.option("--watch", "keep_looking", is_flag=True, help="Stay, and look again every second.")
@click.option("--json", "as_json", is_flag=True, help="Print what the server answers; with --watch, each change.")
def status(keep_looking: bool, as_json: bool) -> None:
    """Show the line, the workers and your unfinished jobs."""
    client = Client.from_env()
    if keep_looking:
        _watch_line(client, terminal.tell_line if as_json else terminal.follow_line)
    elif as_json:
        terminal.answer.print_json(json.dumps(client.status()))
    else:
        terminal.answer.print(terminal.overview(client.status()))


@click.command()
@click.argument("job_id", metavar="JOB")
def cancel(job_id: str) -> None:
    """Cancel JOB: a waiting one at once, a running one within a second or two."""
    client = Client.from_env()
    job = client.cancel(job_id)
    if job["cancel_requested"] and job["status"] == "processing":
        job = terminal.follow_job(client.changes(job))
    terminal.answer.print(terminal.where(job), markup=False)


@click.command()
@click.argument("job_id", metavar="JOB")
def retry(job_id: str) -> None:
    """Run JOB again, which failed or was cancelled, and watch the new job."""
    client = Client.from_env()
    finished = follow(client, client.retry(job_id))
    terminal.answer.print(client.picture_url(finished), markup=False)


def follow(client: Client, job: Json) -> Json:
    """Show the job until it ends; leaves with exit code 1 unless it is complete."""
    terminal.live.print(f"job {job['job_id']}", style="dim")
    try:
        finished = terminal.follow_job(client.changes(job))
    except KeyboardInterrupt:
        terminal.live.print(f"the job goes on: forgeline watch {job['job_id']}, or forgeline cancel {job['job_id']}")
        raise SystemExit(130) from None
    if finished["status"] != "complete":
        if terminal.live.is_terminal:  # in the bar there may have been no room for it
            terminal.live.print(terminal.where(finished), style="red", markup=False)
        if finished["retryable"]:
            terminal.live.print(f"it may be tried again: forgeline retry {job['job_id']}")
        raise SystemExit(1)
    return finished


def _watch_line(client: Client, show: Callable[[Iterator[Json]], None]) -> None:
    try:
        show(_looks(client))
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _looks(client: Client) -> Iterator[Json]:
    yield client.status()
    while True:
        time.sleep(LOOK_EVERY_S)
        yield client.patiently(client.status)
