"""`forgeline`: the console command and its subcommands.

A subcommand is imported only when it is asked for, so that `forgeline --help` answers at once and a client command
needs none of the server's parts.
"""

import errno
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

import click

from shared.setting_faults import SettingsError

#: Each command: the module that holds it (a click command of the same name, `-` written `_`) and its one-line help.
COMMANDS = {
    "up": ("cli.up", "Start everything on this machine and stay."),
    "generate": ("cli.commands", "Submit a prompt and watch it become a picture."),
    "watch": ("cli.commands", "Watch a job until it ends."),
    "status": ("cli.commands", "Show the line, the workers and what runs."),
    "cancel": ("cli.commands", "Cancel a job."),
    "retry": ("cli.commands", "Run a failed or cancelled job again."),
    "demo": ("cli.demo", "Show it all once: start what is missing, draw one picture, stop."),
    "doctor": ("cli.doctor", "Check the settings, the servers and Forge."),
    "token": ("cli.token", "Make a token for a user (HS256, signed with JWT_SECRET)."),
    "migrate": ("cli.migrate", "Bring the database to the present form."),
    "forge-demo": ("cli.demo_forge", "Run the demo renderer, a stand-in for Forge."),
}

#: what a full disk, a quota that is used up and `ulimit -f` say
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Lazy(click.Group):
    """A group that imports the command it runs, and no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _help = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from the table, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_module, text) in COMMANDS.items()])


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="forgeline", prog_name="forgeline")
def cli() -> None:
    """Forgeline: a job server in front of Stable Diffusion WebUI Forge."""


def main() -> None:
    """Run the command; wrong settings and a full disk are told without a traceback."""
    _print_what_can_be_printed()
    try:
        cli(prog_name="forgeline")
    except SettingsError as error:
        print(f"forgeline: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        _tell_no_room(error)


def _tell_no_room(error: OSError) -> NoReturn:
    """Say which file, if the system does; mostly it is the one that is printed into."""
    file = f" {error.filename}" if error.filename else ""
    with suppress(OSError):
        print(f"forgeline: cannot write{file}: {error.strerror}", file=sys.stderr)
    sys.stdout = None  # Python would try to write the rest at the end, and tell that in lines of its own
    sys.exit(1)


def _print_what_can_be_printed() -> None:
    """Let a terminal that does not know a character show another one; it is no reason to end."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
