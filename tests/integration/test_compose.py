"""compose.yaml, as far as it can be tried without a container engine.

The file is checked against the Compose specification's own schema, and every command line and healthcheck of ours is
run from it, without containers, against the PostgreSQL and the Redis of the tests.
"""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis, find_redis_server
from cli.ports import free_port
from cli.up_plan import program
from tests import services
from tests.compose_file import ROOT, ComposeFile, read
from tests.waiting import wait_for

LONG_RUNNING = ("forge-demo", "api", "demo-worker", "maintenance", "beat", "flower")
#: a job that runs long enough to be looked at
LONG = {"prompt": "a slow river", "steps": 100, "width": 512, "height": 512}


class Composed:
    """The services, running."""

    def __init__(self, file: ComposeFile, folder: Path, ports: dict[str, int]) -> None:
        self.file, self.folder, self.ports = file, folder, ports
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        self.processes[name] = self.file.start(name, self.folder)

    def stop(self, name: str) -> int:
        """End a service as Compose does; give its exit code."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            return process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def wait_healthy(self, name: str) -> None:
        wait_for(lambda: self.file.is_healthy(name), timeout_s=90, what=f"{name}: {self.said(name)}")

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()[-2000:]

    def api(self, path: str) -> str:
        return f"http://127.0.0.1:{self.ports['api']}{path}"

    def celery(self, *words: str) -> str:
        """What an operator would type; gives what it prints."""
        named = ["-d", f"gpu1@{socket.gethostname()}", "-t", "10"]  # it answers, and nobody is waited for
        command = [program("celery"), "-A", "worker", *words, *named]
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command,
            env=self.file.environment("demo-worker"),
            cwd=self.folder,
            text=True,
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def flower_workers(self) -> dict[str, Any]:
        address = f"http://127.0.0.1:{self.ports['flower']}/api/workers?refresh=true"
        assert requests.get(address, timeout=5).status_code == 401, "Flower asks for a password"
        answer = requests.get(address, auth=("forgeline", "forgeline"), timeout=15)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def composed(
    postgres: EmbeddedPostgres, redis_server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Composed]:
    services.empty_database(postgres.url)
    folder = tmp_path_factory.mktemp("composed")
    ports = {"api": free_port(), "flower": free_port(), "forge": free_port()}
    here = {
        "postgresql://forgeline:forgeline@postgres:5432/forgeline": postgres.url,
        "redis://redis:6379/0": redis_server.url,
        "forge-demo:7861": f"127.0.0.1:{ports['forge']}",
        "/data": str(folder),
        "7861": str(ports["forge"]),
        "8000": str(ports["api"]),
        "5555": str(ports["flower"]),
    }
    file = ComposeFile(here)
    file.services["forge-demo"]["command"] += ["--step-seconds", "0.5"]  # LONG outlasts an operator's three questions
    running = Composed(file, folder, ports)
    running.start("migrate")
    assert running.processes.pop("migrate").wait(30) == 0, running.said("migrate")
    try:
        for name in LONG_RUNNING:
            running.start(name)
        with ThreadPoolExecutor(3) as looking:
            list(looking.map(running.wait_healthy, LONG_RUNNING))
        yield running
    finally:
        with ThreadPoolExecutor(len(LONG_RUNNING)) as stopping:
            list(stopping.map(running.stop, tuple(running.processes)))


def test_the_file_follows_the_compose_specification() -> None:
    checker = [program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(ROOT / "compose.yaml")]
    done = subprocess.run(checker, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_loopback_is_published() -> None:
    published = [port for service in read()["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_service_that_stays_is_watched_and_comes_back() -> None:
    for name, service in read()["services"].items():
        if name != "migrate":
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name


def test_every_mount_is_declared_and_every_dependency_exists() -> None:
    file = read()
    for name, service in file["services"].items():
        mounted = {mount.partition(":")[0] for mount in service.get("volumes", [])}
        assert mounted <= set(file["volumes"]), name
        assert set(service.get("depends_on", {})) <= set(file["services"]), name


def test_a_gpu_worker_gets_the_time_to_finish_its_job() -> None:
    for name in ("gpu-worker", "demo-worker"):
        service = read()["services"][name]
        grace_s = float(service["environment"]["SHUTDOWN_GRACE_S"])
        assert float(service["stop_grace_period"].rstrip("s")) == 210
        assert grace_s == 195


def test_the_profiles_differ_in_the_worker_alone() -> None:
    file = read()["services"]
    ours = {name: service.get("profiles", []) for name, service in file.items()}
    assert ours["gpu-worker"] == ["gpu"]
    assert ours["demo-worker"] == ours["forge-demo"] == ["demo"]
    assert not any(profiles for name, profiles in ours.items() if "worker" not in name and name != "forge-demo")
    assert file["gpu-worker"]["command"] == file["demo-worker"]["command"]


def test_redis_starts_by_its_command_and_forgets_nothing(tmp_path: Path) -> None:
    command = ComposeFile().command("redis")
    assert command[0] == "redis-server"
    port = free_port()
    with subprocess.Popen(
        [find_redis_server(), *command[1:], "--port", str(port)], cwd=tmp_path, stdout=subprocess.DEVNULL
    ) as server:
        try:
            import redis

            client = redis.Redis(port=port, decode_responses=True)
            wait_for(lambda: _answers(client))
            facts: dict[str, Any] = client.info()
            assert (facts["aof_enabled"], facts["maxmemory_policy"]) == (1, "noeviction")
        finally:
            server.terminate()


def _answers(client: Any) -> bool:
    try:
        return bool(client.ping())
    except OSError:
        return False
    except Exception as error:
        return "refused" not in str(error)


def test_every_service_becomes_healthy_and_a_job_is_drawn(composed: Composed) -> None:
    job = requests.post(composed.api("/image/generate"), json={**LONG, "steps": 4}, timeout=5).json()
    status = wait_for(lambda: _finished(composed, job["job_id"]), timeout_s=30)
    assert status["status"] == "complete", composed.said("demo-worker")
    assert requests.get(composed.api(status["image_url"]), timeout=5).content.startswith(b"\x89PNG")


def _finished(composed: Composed, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = requests.get(composed.api(f"/image/job/{job_id}/status?wait=5"), timeout=10).json()
    return job if job["finished_at"] else {}


def test_celery_and_flower_answer_while_a_job_runs_and_while_forge_is_down(composed: Composed) -> None:
    job = requests.post(composed.api("/image/generate"), json=LONG, timeout=5).json()
    status = composed.api(f"/image/job/{job['job_id']}/status")
    wait_for(lambda: requests.get(status, timeout=5).json()["status"] == "processing")
    active = _everybody_answers(composed)
    assert [task["name"] for tasks in active.values() for task in tasks] == ["worker.generate"]
    assert requests.get(status, timeout=5).json()["status"] == "processing", "it ran all the while"
    requests.delete(composed.api(f"/image/job/{job['job_id']}/cancel"), timeout=5)
    assert wait_for(lambda: _finished(composed, job["job_id"]), timeout_s=30)["status"] == "cancelled"
    composed.stop("forge-demo")
    _everybody_answers(composed)
    assert not composed.file.is_healthy("forge-demo")


def _everybody_answers(composed: Composed) -> dict[str, list[dict[str, Any]]]:
    questions = (("status",), ("inspect", "active", "--json"), ("inspect", "stats", "--json"))
    with ThreadPoolExecutor(3) as asking:
        status, active, stats = asking.map(lambda words: composed.celery(*words), questions)
    assert re.search(r"gpu1@\S+: +OK", status)
    (worker,) = [pool for name, pool in json.loads(stats).items() if name.startswith("gpu1@")]
    assert worker["pool"]["max-concurrency"] == 1
    assert any(name.startswith("gpu1@") for name in composed.flower_workers())
    running: dict[str, list[dict[str, Any]]] = json.loads(active)
    return {name: tasks for name, tasks in running.items() if name.startswith("gpu1@")}


def test_every_process_ends_when_it_is_told(composed: Composed) -> None:
    names = tuple(composed.processes)
    with ThreadPoolExecutor(len(names)) as stopping:
        codes = dict(zip(names, stopping.map(composed.stop, names), strict=True))
    assert set(codes.values()) == {0}, codes
