"""Loopback ports for the servers that `up` embeds.

They are taken from below the range in which the system places outgoing connections, so that a server that died finds
its port still free when it comes back.
"""

import os
import random
import socket
from collections.abc import Collection

LOWEST, HIGHEST = 20_000, 32_000


def free_port(taken: Collection[int] = ()) -> int:
    """Return a loopback port that nobody listens on now, and that is not `taken` by who will listen soon."""
    candidates = random.sample(range(LOWEST, HIGHEST), 200)
    return next(port for port in candidates if port not in taken and refusal("127.0.0.1", port) is None)


def refusal(host: str, port: int) -> str | None:
    """Tell why a server cannot listen there; None when it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.getaddrinfo(host, port)  # create_server tells a wrong name by a number that is no errno
        socket.create_server((host, port), family=family).close()
    except socket.gaierror as error:
        return error.strerror
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    return None
