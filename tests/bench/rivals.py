"""Others beside ours, in the same run and on the same machine: plain Celery, Gradio's queue, python-socketio."""

import json
import os
import signal
import subprocess
import sys
import tempfile

from tests import services
from tests.bench import relay, relay_servers
from tests.bench.figures import GAP_JOB_S, gaps_ms
from tests.bench.results import Figure, Results
from tests.demo_process import ROOT, DemoForge

#: Gradio is too large for the development set, so scripts/rivals gives it an environment of its own
GRADIO_PYTHON = ROOT / "var/bench/gradio/bin/python"


def celery_task(results: Results, count: int = 150) -> None:
    """The gap of a plain Celery task per job."""
    with services.redis_server() as redis, DemoForge() as forge, tempfile.TemporaryFile() as log:
        forge.settings(job_seconds=GAP_JOB_S, payload="noise")
        environment = {**os.environ, "RIVAL_BROKER": redis.url, "RIVAL_FORGE": forge.url}
        options = ["--loglevel=WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        command = [sys.executable, "-m", "celery", "-A", "tests.bench.rival_celery", "worker", *options]
        from tests.bench.rival_celery import app

        app.conf.broker_url = redis.url
        for number in range(count):
            app.send_task("rival.generate", args=(number,))
        worker = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
        try:
            forge.order("GET", f"log?event=answered&count={count}&wait=50")
            gaps = gaps_ms(forge.log()["entries"])
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(30)
    results.add(Figure.of("rival: gap of a plain Celery task (stores nothing)", "ms", gaps))


def gradio_queue(results: Results, count: int = 50) -> None:
    """The gap of Gradio's queue."""
    if not GRADIO_PYTHON.with_name("gradio").exists():
        results.note("Gradio is not installed: `make bench` installs it, if it can")
        return
    command = [str(GRADIO_PYTHON), "-m", "tests.bench.rival_gradio", str(count), str(GAP_JOB_S)]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HOME": folder}
        said = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
    if said.returncode:
        results.note(f"Gradio failed: {said.stderr.strip().splitlines()[-1:]}")
        return
    gaps = json.loads(said.stdout.splitlines()[-1])["gaps_ms"]
    results.add(Figure.of("rival: gap of Gradio's queue (stores nothing)", "ms", gaps))


def fan_out(results: Results, sockets: int = 1000) -> None:
    """One event to many sockets: our relay, and python-socketio."""
    with services.redis_server() as redis:
        for name, title in (("ours", "ours"), ("socketio", "rival: python-socketio")):
            with relay_servers.running(name, redis.url) as server, relay.crowd(server) as load:
                figures = relay.Figures(name)
                relay.fan_out(load, server, relay.Publisher(server, redis.url), sockets, figures)
            goal = 15.0 if name == "ours" else None
            value = figures.values[f"{sockets} last"]
            results.add(Figure(f"{title}: one event to {sockets} sockets", "ms", value, count=relay.REPEATS, goal=goal))
