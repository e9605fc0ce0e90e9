"""When what `up` started serves: a server answers its own protocol, the API says that it is ready."""

import asyncio
import json
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from time import monotonic
from urllib.parse import urlsplit

from cli.embedded import EmbeddedServer

ASK_EVERY_S = 0.1
#: so long nobody needs to be told why
QUIET_S = 2.0


async def servers_answer(servers: Mapping[str, EmbeddedServer]) -> None:
    """Wait until every embedded server takes commands."""
    await asyncio.gather(*(_until(server.answers) for server in servers.values()))


async def api_serves(url: str, tell: Callable[[str], None]) -> None:
    """Wait until `/readyz` answers 200; what it lacks is told where that takes long, and again when it changes."""
    began, told = monotonic(), ""
    while (lacking := await asyncio.to_thread(_lacking, url)) is not None:
        if lacking not in ("", told) and monotonic() - began > QUIET_S:
            told = lacking
            tell(f"waiting for {lacking}")
        await asyncio.sleep(ASK_EVERY_S)


def _lacking(url: str) -> str | None:
    """Return what is not ready, in words; None when all is, "" when the API does not answer yet."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        if answer.status == 200:
            return None
        checks: dict[str, str] = json.loads(answer.read())
        return ", ".join(f"{name} ({word})" for name, word in checks.items() if word == "unreachable")
    except (OSError, HTTPException, ValueError):
        return ""
    finally:
        connection.close()


async def _until(holds: Callable[[], bool]) -> None:
    while not await asyncio.to_thread(holds):
        await asyncio.sleep(ASK_EVERY_S)
