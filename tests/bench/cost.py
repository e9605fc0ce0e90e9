"""What one job costs each part: `python -m tests.bench.cost [JOBS] [SECONDS_OF_A_GENERATION]`.

A whole stack on this machine draws jobs one after the other while one browser's socket is open. Counted are
PostgreSQL's transactions and WAL, Redis's commands and bytes, and each process's CPU time; what the idle stack costs in
the same time is measured first and subtracted.
"""

import json
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import psycopg2
import requests
from websocket import create_connection

from shared.redis_link import connect
from tests.demo_process import DemoForge
from tests.stack import Stack, running_stack

IDLE_S = 20.0
#: the worker writes its counters so often (its default)
HEARTBEAT_S = 5.5
ROLES = {
    "api.serve": "cpu_api",
    "celery -A worker worker": "cpu_gpu_worker",
    "celery -A beat": "cpu_clock",
    "postgres": "cpu_postgres",
    "redis": "cpu_redis",
}


@dataclass(frozen=True)
class Counts:
    """Totals since the start; `cpu_…` in seconds."""

    transactions: float
    wal_bytes: float
    rows_written: float
    redis_commands: float
    redis_bytes: float
    cpu_api: float
    cpu_gpu_worker: float
    cpu_clock: float
    cpu_postgres: float
    cpu_redis: float

    def minus(self, other: "Counts", share: float = 1.0) -> "Counts":
        """Return the difference; `share` scales what is subtracted."""
        names = [field.name for field in fields(self)]
        return Counts(**{name: getattr(self, name) - share * getattr(other, name) for name in names})


def main(jobs: int, seconds: float) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="fl-cost-") as folder, DemoForge() as forge:
        forge.settings(job_seconds=seconds, payload="painted")
        with running_stack(Path(folder), FORGE_URL=forge.url, LOG_LEVEL="warning") as stack, browser(stack):
            run(stack, 5)  # caches, connections, estimates
            before = counts(stack)
            time.sleep(IDLE_S)
            idle = counts(stack).minus(before)
            before, began = counts(stack), time.monotonic()
            run(stack, jobs)
            took_s = time.monotonic() - began
            busy = counts(stack).minus(before).minus(idle, took_s / IDLE_S)
            gap = mean_gap_ms(stack)
    print(f"{jobs} jobs of {seconds:g} s, 1024 × 1024, 20 steps, one socket: {took_s:.1f} s in all\n")
    print(f"{'':<16}{'a job':>12}{'idle, a second':>18}")
    for field in fields(Counts):
        print(f"{field.name:<16}{getattr(busy, field.name) / jobs:>12.3f}{getattr(idle, field.name) / IDLE_S:>18.3f}")
    print(f"\nthe GPU idled {gap:.1f} ms between two jobs (mean)")


def mean_gap_ms(stack: Stack) -> float:
    """Return what /metrics says, once the worker's heartbeat brought it."""
    time.sleep(HEARTBEAT_S)
    text = requests.get(f"{stack.url}/metrics", timeout=10).text
    total, count = (
        float(re.findall(rf"^forgeline_gpu_idle_gap_seconds_{name}\S* (\S+)$", text, re.MULTILINE)[0])
        for name in ("sum", "count")
    )
    return 1000 * total / count


def run(stack: Stack, jobs: int) -> None:
    """Submit that many and wait for the last."""
    for number in range(jobs):
        answer = requests.post(f"{stack.url}/image/generate", json={"prompt": f"number {number}"}, timeout=10)
        answer.raise_for_status()
        job_id = answer.json()["job_id"]
    while not requests.get(f"{stack.url}/image/job/{job_id}/status?wait=30", timeout=40).json()["finished_at"]:
        pass


def counts(stack: Stack) -> Counts:
    """Read every counter."""
    addresses = stack.addresses()
    with psycopg2.connect(addresses["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT xact_commit + xact_rollback, pg_current_wal_lsn() - '0/0', tup_inserted + tup_updated + tup_deleted"
            " FROM pg_stat_database WHERE datname = current_database()"
        )
        transactions, wal_bytes, rows_written = (float(value) for value in cursor.fetchone() or ())
    connection.close()
    redis = connect(addresses["REDIS_URL"]).info()
    moved = redis["total_net_input_bytes"] + redis["total_net_output_bytes"]
    return Counts(
        transactions, wal_bytes, rows_written, float(redis["total_commands_processed"]), float(moved), **cpu(stack)
    )


def cpu(stack: Stack) -> dict[str, float]:
    """Return the CPU seconds of each kind of process, its children included."""
    used = dict.fromkeys(ROLES.values(), 0.0)
    for child in stack.up().children():
        words = " ".join(child.cmdline())
        role = next((name for text, name in ROLES.items() if text in words), None)
        if role:
            times = [process.cpu_times() for process in (child, *child.children(recursive=True))]
            used[role] += sum(one.user + one.system for one in times)
    return used


@contextmanager
def browser(stack: Stack) -> Iterator[None]:
    """Keep one socket open and read what comes."""
    socket = create_connection(stack.url.replace("http", "ws") + "/ws", timeout=60)
    reader = threading.Thread(target=_read, args=(socket,), daemon=True)
    reader.start()
    yield
    socket.close()


def _read(socket: object) -> None:
    try:
        while json.loads(socket.recv()):  # type: ignore[attr-defined]
            pass
    except (OSError, ValueError):
        return


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30, float(sys.argv[2]) if len(sys.argv) > 2 else 2.0)
