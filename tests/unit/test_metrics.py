"""/metrics: what is counted, who may read it, and what it says while a part is away."""

from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from api.app import create_app
from shared.domain.failures import FailureKind
from shared.duty_clock import DutyClock
from shared.queues import RESCUE_TASK
from shared.redis_keys import DUTIES
from shared.redis_link import connect
from shared.settings import Settings
from shared.store import Claimant, Store, WorkerState
from tests.api_server import api_server
from tests.builders import ALICE, stored_job
from tests.tokens import SECRET, token
from tests.waiting import wait_for
from worker.figures import Figures

NOWHERE = "redis://127.0.0.1:1/0"
ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}
CONTRACT = {
    "forgeline_jobs",
    "forgeline_queue_waiting",
    "forgeline_queue_wait_seconds",
    "forgeline_generation_duration_seconds",
    "forgeline_gpu_idle_gap_seconds",
    "forgeline_forge_errors",
    "forgeline_circuit_state",
    "forgeline_websockets_open",
    "forgeline_events",
    "forgeline_http_request_seconds",
}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "DATA_DIR": str(tmp_path)}


def app_of(settings: dict[str, str], **more: str) -> Flask:
    return create_app(Settings.from_env({**settings, **more}, while_up=False))


@pytest.fixture
def client(settings: dict[str, str]) -> FlaskClient:
    return app_of(settings).test_client()


@pytest.fixture
def worker(store: Store) -> Iterator[Figures]:
    """A live worker's counters, in its row."""
    figures = Figures()
    state = WorkerState(name="gpu1@a", boot_id="b", forge="http://f:7860", circuit="open", problem="poisoned")
    store.report_worker(state)
    store.write_figures("gpu1@a", "b", figures.text())
    yield figures


def samples_of(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def read(client: FlaskClient) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    return samples_of(answer.text)


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_everything_the_contract_names_is_there(client: FlaskClient, worker: Figures) -> None:
    client.get("/healthz")
    families = {family.name for family in text_string_to_metric_families(client.get("/metrics").text)}
    assert families >= CONTRACT


def test_jobs_are_counted_by_status(client: FlaskClient, store: Store) -> None:
    for _ in range(3):
        job = stored_job(store)
    store.cancel_job(job.job_id, ALICE)
    store.claim(Claimant("gpu1@a", "b", "http://f"), lease_s=30)
    found = read(client)
    counts = {status: value(found, "forgeline_jobs", status=status) for status in ("queued", "processing", "cancelled")}
    assert counts == {"queued": 1, "processing": 1, "cancelled": 1}
    assert value(found, "forgeline_queue_waiting") == 1
    assert 0 < value(found, "forgeline_queue_oldest_seconds") < 60


def test_a_worker_is_told_by_its_row(client: FlaskClient, worker: Figures) -> None:
    found = read(client)
    assert value(found, "forgeline_workers") == 1
    assert value(found, "forgeline_circuit_state", worker="gpu1@a", state="open") == 1
    assert value(found, "forgeline_circuit_state", worker="gpu1@a", state="closed") == 0
    assert value(found, "forgeline_worker_problem", worker="gpu1@a", problem="poisoned") == 1
    assert value(found, "forgeline_queue_held") == 1


def test_what_workers_count_carries_their_names(client: FlaskClient, store: Store, worker: Figures) -> None:
    worker.failed(FailureKind.TIMEOUT)
    store.write_figures("gpu1@a", "b", worker.text())
    store.report_worker(WorkerState(name="gpu2@b", boot_id="c", forge="http://g:7860"))
    store.write_figures("gpu2@b", "c", Figures().text())
    found = read(client)
    assert value(found, "forgeline_forge_errors_total", worker="gpu1@a", kind="timeout") == 1
    assert value(found, "forgeline_forge_errors_total", worker="gpu2@b", kind="timeout") == 0


def test_an_earlier_boot_writes_no_figures(store: Store, worker: Figures) -> None:
    store.write_figures("gpu1@a", "an earlier boot", "nonsense")
    assert "nonsense" not in store.worker_figures(60)["gpu1@a"]


def test_two_jobs_in_a_row_leave_one_gap(store: Store) -> None:
    figures, claimant = Figures(), Claimant("gpu1@a", "b", "http://f")
    for _ in range(3):
        stored_job(store)
    for _ in range(2):
        change = store.claim(claimant, lease_s=30)
        assert change
        figures.generation_begins(change.job)
        figures.generation_ended(drawn=True)
    figures.idle()
    change = store.claim(claimant, lease_s=30)
    assert change
    figures.generation_begins(change.job)
    figures.generation_ended(drawn=True)
    found = samples_of(figures.text())
    assert value(found, "forgeline_gpu_idle_gap_seconds_count") == 1
    assert value(found, "forgeline_queue_wait_seconds_count") == 3
    assert value(found, "forgeline_generation_duration_seconds_count") == 3


def test_a_second_try_is_no_gap_and_a_failed_one_no_generation(store: Store) -> None:
    figures = Figures()
    stored_job(store)
    change = store.claim(Claimant("gpu1@a", "b", "http://f"), lease_s=30)
    assert change
    figures.generation_begins(change.job)
    figures.generation_ended(drawn=False)
    figures.generation_begins(change.job)
    figures.generation_ended(drawn=True)
    found = samples_of(figures.text())
    assert value(found, "forgeline_gpu_idle_gap_seconds_count") == 0
    assert value(found, "forgeline_queue_wait_seconds_count") == 1
    assert value(found, "forgeline_generation_duration_seconds_count") == 1


def test_requests_are_measured_by_route_not_by_path(client: FlaskClient) -> None:
    labels = {"method": "GET", "route": "/image/job/<job_id>/status", "status": "404"}
    name = "forgeline_http_request_seconds_count"
    before = read(client).get((name, frozenset(labels.items())), 0)
    for job_id in ("one", "two"):
        client.get(f"/image/job/{job_id}/status")
    client.get("/no/such/page")
    found = read(client)
    assert value(found, name, **labels) == before + 2
    assert value(found, name, method="GET", route="other", status="404") >= 1


def test_a_request_is_logged_once_with_its_id_and_probes_are_quiet(client: FlaskClient) -> None:
    with capture_logs() as lines:
        client.get("/me?token=secret")
        client.get("/readyz")
    told = [(line["path"], line["status"], line["log_level"]) for line in lines if line["event"] == "request"]
    assert told == [("/me", 422, "info"), ("/readyz", 200, "debug")]
    assert "secret" not in str(lines)


def test_the_clocks_duties_have_an_age(client: FlaskClient, redis_url: str) -> None:
    DutyClock(connect(redis_url)).done(RESCUE_TASK)
    assert 0 <= value(read(client), "forgeline_duty_age_seconds", duty="rescue") < 30


def test_a_duty_that_was_never_done_is_old_enough_for_an_alert(client: FlaskClient, redis_url: str) -> None:
    connect(redis_url).delete(DUTIES)
    found = read(client)
    for duty in ("rescue", "reconcile"):
        assert value(found, "forgeline_duty_age_seconds", duty=duty) == inf


def test_a_part_that_is_away_is_told_and_the_rest_still_answers(settings: dict[str, str], worker: Figures) -> None:
    without_redis = read(app_of(settings, REDIS_URL=NOWHERE).test_client())
    assert value(without_redis, "forgeline_part_up", part="redis") == 0
    assert value(without_redis, "forgeline_part_up", part="postgresql") == 1
    assert value(without_redis, "forgeline_workers") == 1
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    without_postgres = read(app_of(settings, DATABASE_URL=nowhere).test_client())
    assert value(without_postgres, "forgeline_part_up", part="postgresql") == 0
    assert value(without_postgres, "forgeline_part_up", part="redis") == 1
    assert ("forgeline_workers", frozenset()) not in without_postgres


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer the metrics token"}, 200),
        ({"Authorization": f"Bearer {token('7')}"}, 403),
        ({"Authorization": f"Bearer {token('1', roles=['admin'])}"}, 200),
    ],
    ids=["nobody", "a bad token", "the metrics token", "a user", "an admin"],
)
def test_from_elsewhere_only_the_token_or_an_admin_reads(
    settings: dict[str, str], headers: dict[str, str], status: int
) -> None:
    app = app_of(settings, AUTH_MODE="jwt", JWT_SECRET=SECRET, METRICS_TOKEN="the metrics token")
    answer = app.test_client().get("/metrics", headers=headers, environ_base=ELSEWHERE)
    assert answer.status_code == status


def test_loopback_reads_without_a_token_but_not_through_a_proxy(settings: dict[str, str]) -> None:
    client = app_of(settings, AUTH_MODE="jwt", JWT_SECRET=SECRET).test_client()
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 401


def test_several_processes_count_as_one(settings: dict[str, str]) -> None:
    with api_server(settings["DATABASE_URL"], settings["REDIS_URL"], API_PROCESSES="2") as server:

        def asked() -> float:
            found = samples_of(requests.get(server.url("/metrics"), timeout=5).text)
            key = "forgeline_http_request_seconds_count"
            return found.get((key, frozenset({"method": "GET", "route": "/me", "status": "401"}.items())), 0)

        for _ in range(20):
            requests.get(server.url("/me"), timeout=5)
        assert wait_for(lambda: asked() == 20)
