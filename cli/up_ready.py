"""When everything that `up` started serves: the API says it is ready, and every worker answers."""

import asyncio
import json
import socket
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from cli.embedded import EmbeddedServer
from cli.up_plan import MAINTENANCE, Plan, celery
from shared.settings import child_environment

ASK_EVERY_S = 0.1


async def servers_answer(servers: Mapping[str, EmbeddedServer]) -> None:
    """Wait until every embedded server takes commands."""
    await asyncio.gather(*(_until(server.answers) for server in servers.values()))


async def everything_serves(plan: Plan) -> None:
    """Wait until `/readyz` answers 200 and both kinds of worker consume."""
    await asyncio.gather(_until(lambda: answers_ok(f"{plan.settings.url}/readyz")), _workers_consume(plan))


def answers_ok(url: str) -> bool:
    """Tell whether a GET is answered with 200 within a second."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=1)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


async def _workers_consume(plan: Plan) -> None:
    """Ask every worker by name until all have answered: a worker answers once it consumes."""
    host = socket.gethostname()
    names = [f"{name}@{host}" for name in (*plan.gpu_names, MAINTENANCE)]
    command = [*celery("worker"), "inspect", "ping", "--json", "-t", "1", "-d", ",".join(names)]
    while not set(names) <= await _who_answers(command, child_environment(plan.addresses())):
        await asyncio.sleep(ASK_EVERY_S)


async def _who_answers(command: list[str], environment: dict[str, str]) -> set[str]:
    asking = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=DEVNULL, env=environment)
    try:
        answer, _ = await asking.communicate()
        return set(json.loads(answer or b"{}"))
    except ValueError:
        return set()
    finally:
        if asking.returncode is None:
            asking.kill()


async def _until(holds: Callable[[], bool]) -> None:
    while not await asyncio.to_thread(holds):
        await asyncio.sleep(ASK_EVERY_S)
