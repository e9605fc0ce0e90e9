"""When what `up` started serves: a server answers its own protocol, the API says that it is ready."""

import asyncio
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from cli.embedded import EmbeddedServer

ASK_EVERY_S = 0.1


async def servers_answer(servers: Mapping[str, EmbeddedServer]) -> None:
    """Wait until every embedded server takes commands."""
    await asyncio.gather(*(_until(server.answers) for server in servers.values()))


async def api_serves(url: str) -> None:
    """Wait until `/readyz` answers 200."""
    await _until(lambda: answers_ok(f"{url}/readyz"))


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


async def _until(holds: Callable[[], bool]) -> None:
    while not await asyncio.to_thread(holds):
        await asyncio.sleep(ASK_EVERY_S)
