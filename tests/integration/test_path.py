"""The whole path on real parts: a prompt becomes a picture, seen by a client that knows only HTTP and the socket."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests
from websocket import WebSocket, create_connection

from api.answers import JobAnswer
from cli.ports import free_port
from tests.demo_process import DemoForge
from tests.stack import FORGELINE, Stack, clean_environment, running_stack
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.timeout(180)

SMALL = {"width": 64, "height": 64, "steps": 10}
JOB_FIELDS = set(JobAnswer.model_fields)
DERIVED = {"queue_total", "eta_seconds", "preview_url", "placeholder", "server_time"}


@pytest.fixture(scope="module")
def forge() -> Iterator[DemoForge]:
    """The stand-in, with its controls."""
    with DemoForge() as demo:
        yield demo


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, forge: DemoForge) -> Iterator[Stack]:
    """Everything else."""
    settings = {"FORGE_URL": forge.url, "SHUTDOWN_GRACE_S": "2", "PROGRESS_POLL_S": "0.02", "MAX_QUEUE": "500"}
    with running_stack(tmp_path_factory.mktemp("path"), **settings) as stack:
        yield stack


@pytest.fixture
def socket(stack: Stack) -> Iterator[WebSocket]:
    """A browser's socket after hello and snapshot."""
    ws = create_connection(stack.url.replace("http", "ws") + "/ws", timeout=20)
    assert [json.loads(ws.recv())["type"] for _ in range(2)] == ["hello", "snapshot"]
    yield ws
    ws.close()


def submit(stack: Stack, **body: Any) -> dict[str, Any]:
    """Post a prompt and return the job."""
    answer = requests.post(f"{stack.url}/image/generate", json={"prompt": "a lighthouse", **SMALL, **body}, timeout=10)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/image/job/{job['job_id']}/status"
    return job


def events_until(ws: WebSocket, job_id: str, reached: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Return every state of one job the socket is told, the last being the one that was waited for."""
    seen: list[dict[str, Any]] = []
    while not seen or not reached(seen[-1]):
        event = json.loads(ws.recv())
        if event["type"] == "image_progress" and event["job"]["job_id"] == job_id:
            seen.append(event["job"])
    return seen


def ended(stack: Stack, job_id: str) -> dict[str, Any]:
    """Wait for a job's end through the API."""
    while True:
        job: dict[str, Any] = requests.get(f"{stack.url}/image/job/{job_id}/status?wait=10", timeout=15).json()
        if job["finished_at"]:
            return job


def test_a_prompt_becomes_a_picture(stack: Stack, forge: DemoForge, socket: WebSocket) -> None:
    forge.shut_gate(0.4)
    job = submit(stack, prompt="gün batımında İstanbul")
    assert set(job) == JOB_FIELDS
    assert (job["status"], job["stage"]) == ("queued", "waiting")
    told = events_until(socket, job["job_id"], lambda state: state["progress"] >= 30)
    forge.open_gate()
    told += events_until(socket, job["job_id"], lambda state: state["finished_at"] is not None)
    assert [state["status"] for state in told][-1] == "complete"
    order = [(state["attempt"], state["version"], state["progress"]) for state in told]
    assert order == sorted(order), "something went back"
    # the event of the acceptance may be overtaken by the claim's, and is then not told any more
    assert {state["stage"] for state in told} >= {"loading", "sampling", "saving", None}
    picture = requests.get(stack.url + told[-1]["image_url"], timeout=10)
    named = requests.get(stack.url + told[-1]["image_url"], {"download": 1}, timeout=10)
    assert named.content == picture.content
    assert "filename*=UTF-8''g%C3%BCn-bat%C4%B1m%C4%B1nda-istanbul_" in named.headers["Content-Disposition"]
    assert picture.headers["Content-Type"] == "image/png" and picture.content.startswith(b"\x89PNG")
    assert told[-1]["params"]["seed"] >= 0 and told[-1]["params"]["model"]


def test_the_messages_hold_it_in_postgresql(stack: Stack) -> None:
    job = ended(stack, submit(stack)["job_id"])
    with psycopg2.connect(stack.addresses()["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT role, content, extra_metadata FROM messages WHERE conversation_id = %s ORDER BY id",
            [job["conversation_id"]],
        )
        (user, prompt, _), (bot, content, metadata) = cursor.fetchall()
    connection.close()
    assert (user, prompt) == ("user", "a lighthouse")
    assert (bot, content) == ("bot", f"[IMAGE] IMAGE_PATH: {job['image_url']}")
    assert set(metadata) == JOB_FIELDS - DERIVED
    assert (metadata["status"], metadata["image_url"]) == ("complete", job["image_url"])


def test_thirty_submissions_at_once_run_in_the_order_of_their_tickets(stack: Stack, forge: DemoForge) -> None:
    forge.shut_gate(0.4)
    running = submit(stack)
    forge.wait_held()
    with ThreadPoolExecutor(30) as pool:
        jobs = list(pool.map(lambda number: submit(stack, prompt=f"n{number}"), range(30)))
    mine = requests.get(f"{stack.url}/image/status", timeout=5).json()["jobs"]
    waiting = {job["job_id"]: job["queue_position"] for job in mine if job["job_id"] != running["job_id"]}
    assert sorted(waiting.values()) == list(range(1, 31))
    forge.open_gate()
    started = {job["job_id"]: ended(stack, job["job_id"])["started_at"] for job in jobs}
    assert sorted(started, key=started.__getitem__) == sorted(waiting, key=waiting.__getitem__)
    assert forge.log()["overlaps"] == []


def test_a_cancelled_job_frees_the_gpu_and_stays_cancelled(stack: Stack, forge: DemoForge, socket: WebSocket) -> None:
    forge.settings(step_seconds=0.5)
    job = submit(stack, steps=100)
    events_until(socket, job["job_id"], lambda state: state["stage"] == "sampling")
    answer = requests.delete(f"{stack.url}/image/job/{job['job_id']}/cancel", timeout=10)
    assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
    forge.settings(step_seconds=0.005)
    last = events_until(socket, job["job_id"], lambda state: state["finished_at"] is not None)[-1]
    assert (last["status"], last["error_code"], last["image_url"]) == ("cancelled", "cancelled", None)
    assert ended(stack, submit(stack)["job_id"])["status"] == "complete"


def test_the_readmes_python_example_works_as_it_stands(stack: Stack, tmp_path: Path) -> None:
    example = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
    code = example.replace("http://127.0.0.1:8000", stack.url)
    environment = clean_environment({"PYTHONPATH": str(ROOT)})
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "lighthouse.png").read_bytes().startswith(b"\x89PNG")


def test_the_readmes_curl_lines_work_as_they_stand(stack: Stack) -> None:
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("curl ")]
    job_id = ""
    for line in lines:
        command = line.partition("#")[0].replace("http://127.0.0.1:8000", stack.url).replace("JOB_ID", job_id)
        answer = json.loads(subprocess.check_output(["sh", "-c", command], text=True, timeout=60))
        job_id = answer.get("job_id", job_id)
        assert "job_id" in answer or answer["code"] == "job_finished"
    assert len(lines) == 3


def test_operators_see_the_worker_while_a_generation_runs(stack: Stack, forge: DemoForge) -> None:
    forge.shut_gate(0.4)
    job = submit(stack)
    forge.wait_held()
    environment = clean_environment({"DATA_DIR": str(stack.data_dir)})
    asked = [str(FORGELINE.with_name("celery")), "-A", "worker", "inspect", "active", "--json", "-t", "5"]
    answer = subprocess.run(asked, env=environment, cwd="/", capture_output=True, check=True, timeout=30)
    active = {name: tasks for name, tasks in json.loads(answer.stdout).items() if name.startswith("gpu1@")}
    assert [task["name"] for tasks in active.values() for task in tasks] == ["worker.generate"]
    forge.open_gate()
    assert ended(stack, job["job_id"])["status"] == "complete"


def test_flower_shows_the_worker_and_its_tasks(stack: Stack, tmp_path: Path) -> None:
    port = free_port()
    environment = clean_environment({"DATA_DIR": str(stack.data_dir), "FLOWER_UNAUTHENTICATED_API": "true"})
    command = [str(FORGELINE.with_name("celery")), "-A", "worker", "flower", f"--port={port}"]
    with (tmp_path / "flower.log").open("wb") as log:
        flower = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log)
    try:
        wait_for(lambda: _flower(port, "workers?refresh=1"), timeout_s=30, what="flower's workers")
        ended(stack, submit(stack)["job_id"])
        tasks = wait_for(lambda: _flower(port, "tasks"), timeout_s=30, what="flower's tasks")
        assert {"worker.generate"} <= {task["name"] for task in tasks.values()}
    finally:
        flower.terminate()
        flower.wait(20)


def _flower(port: int, what: str) -> dict[str, Any]:
    try:
        answer = requests.get(f"http://127.0.0.1:{port}/api/{what}", timeout=10)
    except requests.ConnectionError:
        return {}
    found: dict[str, Any] = answer.json() if answer.ok else {}
    return found
