"""The demo renderer: a stand-in for Stable Diffusion WebUI Forge that needs no GPU.

It speaks Forge's HTTP contract with its quirks (demo_request, demo_machine, demo_api), draws a picture from
the prompt (demo_scene), can be told to misbehave (demo_faults, demo_controls) and keeps its own account of
what it saw (demo_witness). Every answer carries `X-Forgeline-Demo: 1`. It dies at once on SIGTERM and
SIGINT, as Forge does: requests under way get no answer.
"""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import get_args

import click

from cli.demo_app import create_demo
from cli.demo_controls import Doors
from cli.demo_faults import Fault, Kind
from cli.demo_lists import Manners
from cli.demo_machine import Machine
from cli.demo_server import Controls, Listener, Pool
from cli.demo_state import Pace
from cli.demo_witness import Witness
from cli.ports import refusal

PORT = click.IntRange(0, 65_535)


def serve(host: str, ports: tuple[int, int | None], machine: Machine, manners: Manners) -> tuple[int, int | None]:
    """Listen on the port, and on a second one for the controls; return the ports bound (0 takes free ones)."""
    doors = Doors()
    app = create_demo(machine, manners, doors)
    doors.listener = Listener(host, ports[0], Pool(app))
    return doors.listener.port, None if ports[1] is None else Listener(host, ports[1], Controls(app)).port


@click.command("forge-demo")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=7861, type=PORT, show_default=True, help="0 takes a free one.")
@click.option("--control-port", type=PORT, help="A port for the controls under /demo; without it there are none.")
@click.option("--step-seconds", default=0.15, show_default=True, help="Seconds of one sampling step.")
@click.option("--load-seconds", default=0.6, show_default=True, help="Seconds until a model is loaded.")
@click.option("--job-seconds", type=float, help="Seconds of a whole generation, instead of --step-seconds.")
@click.option("--payload", type=click.Choice(["painted", "noise", "plain"]), default="painted", show_default=True)
@click.option("--api-auth", default="", metavar="USER:PASSWORD", help="Ask for HTTP Basic authentication.")
@click.option("--nowebui", is_flag=True, help="Without the routes under /internal.")
@click.option("--dialect", type=click.Choice(["forge", "a1111"]), default="forge", show_default=True)
@click.option("--no-previews", is_flag=True, help="Start with live previews switched off.")
@click.option("--boot-seconds", default=0.0, help="Answer 404 on the API for so long.")
@click.option(
    "--log-file", type=click.Path(dir_okay=False, path_type=Path), help="Append what was seen, as JSON lines."
)
@click.option(
    "--fault",
    "faults",
    type=click.Choice(get_args(Kind)),
    metavar="KIND",
    multiple=True,
    help=f"A fault that strikes every generation: {', '.join(get_args(Kind))}.",
)
def forge_demo(
    host: str, port: int, control_port: int | None, log_file: Path | None, faults: tuple[Kind, ...], **wanted: object
) -> None:
    """Serve the demo renderer, a stand-in for Forge, until it is stopped."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    names = ("step_seconds", "load_seconds", "job_seconds", "payload")
    pace = Pace(**{name: wanted[name] for name in names})  # type: ignore[arg-type]  # click has typed them
    machine = Machine(pace, Witness(log_file))
    for kind in faults:
        machine.faults.add(Fault(kind=kind, times=0))
    for wish in filter(None, (port, control_port)):
        if why := refusal(host, wish):
            raise click.ClickException(f"cannot listen on {host}, port {wish} ({why})")
    bound, bound_control = serve(host, (port, control_port), machine, _manners(wanted))
    click.echo(f"demo renderer: http://{host}:{bound}")
    if bound_control is not None:
        click.echo(f"controls: http://{host}:{bound_control}/demo")
    threading.Event().wait()


def _manners(wanted: dict[str, object]) -> Manners:
    manners = Manners(
        webui=not wanted["nowebui"],
        dialect="a1111" if wanted["dialect"] == "a1111" else "forge",
        auth=str(wanted["api_auth"]),
        boot_until=time.monotonic() + float(str(wanted["boot_seconds"])),
    )
    manners.options["live_previews_enable"] = not wanted["no_previews"]
    return manners


if __name__ == "__main__":
    forge_demo()
