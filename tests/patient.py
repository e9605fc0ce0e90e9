"""An installation for the doctor: well until a test breaks something, its Forge one that answers what it is told to."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from beat.duties import compose
from beat.reconcile import reconcile
from cli.doctor import examine
from cli.doctor_findings import Finding
from shared.duty_clock import DutyClock
from shared.queues import RESCUE_TASK
from shared.redis_keys import DUTIES
from shared.redis_link import connect
from shared.settings import Settings
from shared.store import Store, WorkerState

GOOD_FORGE: dict[str, Any] = {
    "progress": {"progress": 0, "state": {"job_count": 0}},
    "options": {"forge_additional_modules": [], "sd_model_checkpoint": "flux", "live_previews_enable": False},
    "samplers": [{"name": "Euler"}],
    "schedulers": [{"label": "Simple"}],
    "sd-models": [{"title": "flux.safetensors", "model_name": "flux"}],
}


class CannedForge(ThreadingHTTPServer):
    """Answers what `routes` holds, and is not the demo renderer; 404 for the rest, 500 for what is broken."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.routes = dict(GOOD_FORGE)
        self.status = 200
        self.broken: set[str] = set()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: CannedForge

    def do_GET(self) -> None:
        route = urlsplit(self.path).path.rpartition("/")[2]
        known = route in self.server.routes
        body = json.dumps(self.server.routes.get(route)).encode()
        self.send_response(500 if route in self.server.broken else self.server.status if known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Patient:
    """An installation that is well until a test breaks something."""

    def __init__(self, store: Store, database_url: str, redis_url: str, folder: Path, forge: CannedForge) -> None:
        self.store, self.forge = store, forge
        self.redis = connect(redis_url)
        self.given = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "DATA_DIR": str(folder),
            "FORGE_URL": forge.url,
        }
        self.report_worker()
        DutyClock(self.redis).done(RESCUE_TASK)
        self.reconcile()

    def report_worker(self, **state: Any) -> None:
        self.store.report_worker(WorkerState(name="gpu1@a", boot_id="b", forge=self.forge.url, **state))

    def reconcile(self) -> None:
        duties = compose(Settings.from_env(self.given, while_up=False))
        reconcile(duties)
        duties.store.close()

    def rescued(self, seconds_ago: float) -> None:
        self.redis.hset(DUTIES, RESCUE_TASK, str(time.time() - seconds_ago))

    def findings(self) -> list[Finding]:
        return list(examine(Settings.from_env(self.given, while_up=False)))


@contextmanager
def canned_forge() -> Iterator[CannedForge]:
    server = CannedForge()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
