"""`forgeline demo`: the whole way once, as a client walks it. Starts what is missing, and stops what it started."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cli import terminal
from cli.client import Client
from cli.commands import follow
from cli.ports import free_port, refusal
from cli.up_folder import is_up
from cli.up_plan import program
from shared.settings import ClientSettings, Settings, child_environment

PROMPT = "a lighthouse above a stormy sea at dusk, a warm light in its window"
READY = "ready: "
#: A stack that somebody else just starts is waited for.
START_TIMEOUT_S = 30.0


@click.command()
@click.argument("prompt", default=PROMPT)
def demo(prompt: str) -> None:
    """Draw one picture, starting the stack if none runs; the last line is the path of the saved file."""
    settings = Settings.from_env()
    given = ClientSettings.from_env()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if given.forgeline_url or is_up(settings.data_dir):
        client = Client.from_env()
        _wait_until_ready(client)
        _draw(prompt, client, settings.data_dir)
        return
    with _stack(settings) as url:
        _draw(prompt, Client(url, given.forgeline_token), settings.data_dir)


def _draw(prompt: str, client: Client, folder: Path) -> None:
    terminal.live.print(f"prompt: {prompt}", markup=False)
    finished = follow(client, client.submit(prompt))
    name = client.picture_url(finished).rpartition("/")[2]
    path = client.download(finished, folder / "demo" / name)
    terminal.answer.print(str(path), markup=False)


@contextmanager
def _stack(settings: Settings) -> Iterator[str]:
    """Run `forgeline up` inside the `with` block; gives its URL. What it says goes to standard error.

    It gets a session of its own: Ctrl-C is ours, and we tell it once.
    """
    port = free_port() if refusal(settings.host, settings.port) else settings.port
    environment = child_environment({"PORT": str(port)})
    command = [program("forgeline"), "up"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, errors="replace", env=environment, start_new_session=True
    ) as process:
        try:
            yield _ready_url(process)
        finally:
            process.terminate()
            for line in process.stdout or ():
                _tell(line)


def _ready_url(process: "subprocess.Popen[str]") -> str:
    for line in process.stdout or ():
        _tell(line)
        if line.startswith(READY):
            return line.removeprefix(READY).strip()
    raise click.ClickException("the stack did not start")


def _wait_until_ready(client: Client) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not client.is_ready() and time.monotonic() < deadline:
        time.sleep(0.2)


def _tell(line: str) -> None:
    terminal.live.print(line.rstrip(), markup=False)
