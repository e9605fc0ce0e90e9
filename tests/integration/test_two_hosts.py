"""API and GPU worker on two hosts: they share PostgreSQL, Redis and an S3 bucket (moto's server), and no folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer
from websocket import create_connection

from beat.duties import compose
from beat.retention import retain
from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis
from cli.ports import free_port
from shared.settings import Settings
from tests import services
from tests.demo_process import DemoForge
from tests.faults.parts import Part, celery
from tests.waiting import wait_for

BUCKET = "pictures"
SMALL = {"prompt": "two lighthouses", "width": 64, "height": 64, "steps": 4}
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


class TwoHosts:
    """One API in a folder of its own, one worker in another."""

    def __init__(self, folder: Path, shared: dict[str, str], forge_url: str) -> None:
        self.port = free_port()
        self.folders = {name: folder / name for name in ("api", "gpu")}
        self.shared = shared
        mine = {"DATA_DIR": str(self.folders["api"]), "PORT": str(self.port)}
        its = {"DATA_DIR": str(self.folders["gpu"]), "FORGE_URL": forge_url}
        python = celery("worker")[0].replace("celery", "python")
        self.api = Part("api", [python, "-m", "api.serve"], shared | mine, folder / "api.log")
        worker = celery("worker", "worker", "-n", "gpu1@%h")
        self.worker = Part("gpu", worker, shared | its, folder / "gpu.log")

    def url(self, path: str) -> str:
        """An address of the API."""
        return f"http://127.0.0.1:{self.port}{path}"

    def drawn(self) -> dict[str, Any]:
        """Submit a job and wait for its end."""
        job = requests.post(self.url("/image/generate"), json=SMALL, timeout=5).json()
        return wait_for(lambda: self._ended(job["job_id"]), timeout_s=60)

    def is_ready(self) -> bool:
        """Whether the API serves and the worker reports."""
        try:
            return bool(requests.get(self.url("/image/status"), timeout=2).json()["workers"])
        except requests.RequestException:
            return False

    def _ended(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = requests.get(self.url(f"/image/job/{job_id}/status?wait=5"), timeout=10).json()
        return job if job["finished_at"] else {}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 stand-in with an empty bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    bucket_of(f"http://{host}:{port}").create()
    yield f"http://{host}:{port}"
    server.stop()


def bucket_of(url: str) -> Any:
    """The bucket, as another tool sees it."""
    keys = {name.lower(): value for name, value in KEYS.items() if name != "AWS_DEFAULT_REGION"}
    return boto3.resource("s3", endpoint_url=url, region_name="us-east-1", **keys).Bucket(BUCKET)


@pytest.fixture(scope="module")
def hosts(
    postgres: EmbeddedPostgres, redis_server: EmbeddedRedis, s3: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TwoHosts]:
    services.empty_database(postgres.url)
    places = {"DATABASE_URL": postgres.url, "REDIS_URL": redis_server.url, "AWS_ENDPOINT_URL": s3}
    shared = {**KEYS, **places, "IMAGE_STORE": f"s3://{BUCKET}/forgeline", "HEARTBEAT_S": "1"}
    with DemoForge() as forge:
        running = TwoHosts(tmp_path_factory.mktemp("hosts"), shared, forge.url)
        try:
            running.api.start()
            running.worker.start()
            wait_for(running.is_ready, timeout_s=60)
            yield running
        finally:
            running.api.stop()
            running.worker.stop()


def test_a_picture_drawn_on_one_host_is_shown_by_the_other(hosts: TwoHosts, s3: str) -> None:
    job = hosts.drawn()
    assert job["status"] == "complete", job
    picture = requests.get(hosts.url(job["image_url"]), timeout=5)
    assert picture.content.startswith(b"\x89PNG")
    part = requests.get(hosts.url(job["image_url"]), headers={"Range": "bytes=1-3"}, timeout=5)
    assert (part.status_code, part.content) == (206, b"PNG")
    small = requests.get(hosts.url(f"{job['image_url']}?w=128"), timeout=5)
    assert small.headers["Content-Type"] == "image/webp"
    name = job["image_url"].rpartition("/")[2]
    kept = {entry.key for entry in bucket_of(s3).objects.all()}
    assert f"forgeline/{name}" in kept
    assert not [path for folder in hosts.folders.values() for path in folder.rglob("*.png")]


def test_events_cross_from_host_to_host(hosts: TwoHosts) -> None:
    socket = create_connection(f"ws://127.0.0.1:{hosts.port}/ws", timeout=30)
    job = hosts.drawn()
    seen: list[str] = []
    while "complete" not in seen:
        event = json.loads(socket.recv())
        if event["type"] == "image_progress" and event["job"]["job_id"] == job["job_id"]:
            seen.append(event["job"]["status"])
    assert seen[0] == "queued"
    assert "processing" in seen
    socket.close()


def test_what_the_worker_counts_is_read_at_the_api(hosts: TwoHosts) -> None:
    hosts.drawn()
    count = 'forgeline_generation_duration_seconds_count{worker="gpu1@'
    wait_for(lambda: count in requests.get(hosts.url("/metrics"), timeout=5).text)


def test_retention_on_a_third_host_takes_the_picture_from_all(
    hosts: TwoHosts, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = hosts.drawn()
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": s3}.items():
        monkeypatch.setenv(name, value)
    duties = compose(Settings.from_env({**hosts.shared, "IMAGE_RETENTION_DAYS": "0.0000001"}, while_up=False))
    assert retain(duties) >= 1
    duties.store.close()
    assert requests.get(hosts.url(job["image_url"]), timeout=5).status_code == 404
    now = requests.get(hosts.url(f"/image/job/{job['job_id']}/status"), timeout=5).json()
    assert (now["status"], now["image_url"], now["image_expired"]) == ("complete", None, True)
    assert not [entry.key for entry in bucket_of(s3).objects.all() if job["image_url"].rpartition("/")[2] in entry.key]
