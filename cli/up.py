"""`forgeline up`: everything on this machine, in one foreground command.

    lock ─▶ servers ─▶ addresses ─▶ migrations ─▶ API, workers, beat ─▶ ready … Ctrl-C / SIGTERM
                                                                          │
             nothing left ◀─ servers end ◀─ application ends, together ◀──┘

A second Ctrl-C or SIGTERM ends the application at once; the servers still end cleanly, for their data's sake.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from functools import partial

import click

from cli.children import last_words
from cli.embedded import EmbeddedServerError
from cli.migrate import must_migrate
from cli.ports import refusal
from cli.supervisor import Supervisor
from cli.up_folder import AlreadyUp, FolderUnusable, locked, turn_logs, write_addresses
from cli.up_plan import Plan
from cli.up_ready import api_serves, servers_answer
from cli.up_terminal import follow, introduce, line, say
from shared.settings import Settings, child_environment

#: Past the running job's grace: what the application gets to leave, and then the servers (together below 10 s).
APP_LEAVES_S = 6.5
SERVERS_LEAVE_S = 3.0


class UpError(RuntimeError):
    """`up` cannot go on; the text says why."""


@click.command()
@click.option("--gpu", "gpus", multiple=True, metavar="URL", help="A Forge; once for each GPU. Default: FORGE_URL.")
def up(gpus: tuple[str, ...]) -> None:
    """Start everything on this machine and stay, until Ctrl-C or SIGTERM."""
    settings = Settings.from_env(while_up=False)
    forges = tuple(_forge(url) for url in gpus)
    try:
        with locked(settings.data_dir):
            _check_place(settings)
            asyncio.run(Up(Plan.of(settings, forges)).run())
    except (UpError, AlreadyUp, FolderUnusable, EmbeddedServerError) as error:
        line(f"forgeline up: {error}")
        sys.exit(1)


def _forge(url: str) -> str:
    checked = Settings.from_env(child_environment({"FORGE_URL": url}), while_up=False)
    return str(checked.forge_url)


def _check_place(settings: Settings) -> None:
    why = refusal(settings.host, settings.port)
    if why:
        where = f"{settings.host}, port {settings.port}"
        raise UpError(f"cannot listen on {where} ({why}): mend HOST, or set PORT to a free one")


class Up:
    """One run: the plan, its processes, and the wish to stop."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._supervisor = Supervisor(say)
        self._app: list[str] = []
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Start everything, stay until told to stop, stop everything."""
        self._listen()
        folder = self._plan.settings
        folder.running_file.unlink(missing_ok=True)
        turn_logs(self._plan.logs)
        await self._supervisor.open()
        try:
            await self._unless_stopped(self._serve())
        finally:
            await self._end()
            folder.running_file.unlink(missing_ok=True)
            await self._supervisor.close()

    async def _serve(self) -> None:
        await asyncio.to_thread(self._prepare)
        for child in self._plan.server_children():
            self._supervisor.keep(child)
        await servers_answer(self._plan.servers)
        write_addresses(self._plan.settings.running_file, self._plan.addresses())
        introduce(self._plan)
        await self._migrate()
        for child in self._plan.app_children():
            self._app.append(child.name)
            self._supervisor.keep(child)
        watching = asyncio.create_task(follow(self._plan.logs / f"{name}.log" for name in self._supervisor.names))
        await api_serves(self._plan.settings.url, partial(say, "up"))
        await self._supervisor.once(self._plan.question())
        line(f"ready: {self._plan.settings.url}")
        await watching

    def _prepare(self) -> None:
        for server in self._plan.servers.values():
            server.prepare()

    async def _migrate(self) -> None:
        if not await asyncio.to_thread(must_migrate, self._plan.addresses()["DATABASE_URL"]):
            return
        migration = self._plan.migration()
        if await self._supervisor.once(migration) != 0:
            raise UpError(f"{last_words(migration.log).removeprefix('Error: ')} ({migration.log})")

    async def _unless_stopped(self, work: Coroutine[None, None, None]) -> None:
        working = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working

    async def _end(self) -> None:
        await self._supervisor.stop(self._app, self._plan.settings.shutdown_grace_s + APP_LEAVES_S)
        await self._supervisor.stop(self._supervisor.names, SERVERS_LEAVE_S)

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # started under nohup
            loop.add_signal_handler(number, self._told_to_stop)

    def _told_to_stop(self) -> None:
        if self._stop.is_set():
            self._supervisor.kill(self._app)
            return
        line("stopping; once more to stop at once")
        self._stop.set()
