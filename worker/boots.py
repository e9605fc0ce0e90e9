"""Which process holds a lease, said so that others on its machine can tell whether it lives.

    <host>/<pid>/<started, unix seconds>/<random>

Only a process of this host is judged. One that cannot be judged counts as living: its
leases run out by themselves. So two workers of one name do not take each other's work.
"""

import socket
from uuid import uuid4

import psutil

#: the start of a process is told a little differently when the system's clock was set
START_TOLERANCE_S = 3.0


def this_boot() -> str:
    """Return a new id of this process."""
    process = psutil.Process()
    return f"{socket.gethostname()}/{process.pid}/{process.create_time():.2f}/{uuid4().hex[:12]}"


def is_dead(boot_id: str) -> bool:
    """Tell whether the process of `boot_id` is known to be gone."""
    parts = boot_id.split("/")
    if len(parts) != 4 or parts[0] != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(parts[1]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return abs(process.create_time() - float(parts[2])) > START_TOLERANCE_S
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, ValueError):
        return False
