"""Loopback ports for the servers that `up` embeds.

They are taken from below the range in which the system places outgoing connections, so that a server that died finds
its port still free when it comes back.
"""

import random
import socket

LOWEST, HIGHEST = 20_000, 32_000


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    candidates = random.sample(range(LOWEST, HIGHEST), 200)
    return next(port for port in candidates if is_free("127.0.0.1", port))


def is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True
