"""The doctor finds what was broken on purpose, and names the mend."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner
from sqlalchemy import text

from cli.doctor import doctor
from cli.doctor_findings import Finding, Level
from cli.doctor_servers import look_at_redis
from shared.queues import GPU_QUEUE, MAINTENANCE_QUEUE
from shared.redis_keys import LINE
from shared.store import Store
from shared.store.schema import migrate
from tests.builders import ALICE, stored_job
from tests.patient import Patient, canned_forge


@pytest.fixture
def patient(store: Store, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Patient]:
    with canned_forge() as forge:
        yield Patient(store, database_url, redis_url, tmp_path, forge)
    client = redis.Redis.from_url(redis_url)
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("appendonly", "yes")


def wrong(findings: list[Finding], level: Level = Level.FAULT) -> list[tuple[str, str, str]]:
    return [(one.part, one.text, one.mend) for one in findings if one.level is level]


def test_a_healthy_installation_has_no_fault(patient: Patient) -> None:
    assert wrong(patient.findings()) == []


def test_a_forge_with_a_password_is_looked_at_once_and_its_password_not_told(patient: Patient) -> None:
    patient.given["FORGE_URL"] = patient.forge.url.replace("//", "//artist:s3cret@")
    told = patient.findings()
    assert "s3cret" not in str(told)
    assert [finding.text for finding in told if finding.part == f"Forge {patient.forge.url}"].count("answers") == 1


def stop_postgres(patient: Patient) -> None:
    patient.given["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"


def name_no_database(patient: Patient) -> None:
    del patient.given["DATABASE_URL"]


def stop_redis(patient: Patient) -> None:
    patient.given["REDIS_URL"] = "redis://127.0.0.1:1/0"


def let_redis_forget(patient: Patient) -> None:
    patient.redis.config_set("maxmemory-policy", "allkeys-lru")


def stop_forge(patient: Patient) -> None:
    patient.forge.shutdown()
    patient.forge.server_close()


def lock_forge(patient: Patient) -> None:
    patient.forge.status = 401


def start_forge_without_api(patient: Patient) -> None:
    patient.forge.routes.clear()


def take_sampler_away(patient: Patient) -> None:
    patient.forge.routes["samplers"] = [{"name": "DDIM"}]


def take_models_away(patient: Patient) -> None:
    patient.forge.routes["sd-models"] = []


def stop_gpu_worker(patient: Patient) -> None:
    patient.store.forget_worker("gpu1@a", "b")


def poison_worker(patient: Patient) -> None:
    patient.report_worker(problem="poisoned")


def open_circuit(patient: Patient) -> None:
    patient.report_worker(circuit="open", failures=5)


def stop_beat(patient: Patient) -> None:
    patient.rescued(seconds_ago=600)


def stop_maintenance(patient: Patient) -> None:
    patient.rescued(seconds_ago=600)
    patient.redis.rpush(MAINTENANCE_QUEUE, "a message")


def lose_wakeups(patient: Patient) -> None:
    stored_job(patient.store)
    patient.reconcile()
    patient.redis.delete(GPU_QUEUE)
    stop_beat(patient)


def lose_index(patient: Patient) -> None:
    stored_job(patient.store)
    patient.reconcile()
    patient.redis.delete(LINE)
    stop_beat(patient)


FAULTS: list[tuple[Callable[[Patient], None], str, str, str]] = [
    (stop_postgres, "PostgreSQL", "cannot be reached: connection to server", "DATABASE_URL"),
    (name_no_database, "PostgreSQL", "has no address", "forgeline up"),
    (stop_redis, "Redis", "cannot be reached", "REDIS_URL"),
    (let_redis_forget, "Redis", "allkeys-lru", "maxmemory-policy noeviction"),
    (stop_forge, "Forge", "cannot be reached: Connection refused", "--api"),
    (lock_forge, "Forge", "password", "FORGE_AUTH"),
    (start_forge_without_api, "Forge", "no API", "--api"),
    (take_sampler_away, "Forge", "no sampler Euler", "sampler"),
    (take_models_away, "Forge", "no model", "models/Stable-diffusion"),
    (stop_gpu_worker, "GPU workers", "none lives", "celery -A worker worker"),
    (poison_worker, "worker gpu1@a", "poisoned", "checkpoint"),
    (open_circuit, "worker gpu1@a", "open (failures in a row: 5)", "log"),
    (stop_beat, "beat", "does not ring", "celery -A beat beat"),
    (stop_maintenance, "beat", "no maintenance worker", "celery -A beat worker"),
    (lose_wakeups, "line", "wake-ups that the broker lacks: 1", "beat"),
    (lose_index, "line", "index", "beat"),
]


@pytest.mark.parametrize(("plant", "part", "told", "mend"), FAULTS, ids=[case[0].__name__ for case in FAULTS])
def test_a_planted_fault_is_found_and_its_mend_named(
    patient: Patient, plant: Callable[[Patient], None], part: str, told: str, mend: str
) -> None:
    plant(patient)
    found = wrong(patient.findings())
    assert any(one[0].startswith(part) and told in one[1] and mend in one[2] for one in found), found


def test_a_line_longer_than_its_workers_lacks_no_wake_up(patient: Patient) -> None:
    for _ in range(3):
        stored_job(patient.store)
    patient.reconcile()
    assert {one.level for one in patient.findings() if one.part == "line"} == {Level.OK}


def test_a_missing_migration_is_found(patient: Patient) -> None:
    with patient.store.engine.connect() as connection:
        autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
        autocommit.execute(text("DROP DATABASE IF EXISTS empty"))
        autocommit.execute(text("CREATE DATABASE empty"))
    patient.given["DATABASE_URL"] = patient.given["DATABASE_URL"].rpartition("/")[0] + "/empty"
    found = wrong(patient.findings())
    assert any(part == "migrations" and "0001" in told and "forgeline migrate" in mend for part, told, mend in found)
    migrate(patient.given["DATABASE_URL"])
    assert not [one for one in wrong(patient.findings()) if one[0] == "migrations"]


def test_what_only_could_be_better_is_advice(patient: Patient) -> None:
    patient.redis.config_set("appendonly", "no")
    patient.forge.routes["options"] = {"live_previews_enable": True}
    patient.store.pause()
    findings = patient.findings()
    told = " ".join(one[1] for one in wrong(findings, Level.ADVICE))
    for text_ in ("memory alone", "live previews are on", "dialect we do not know", "is paused"):
        assert text_ in told
    assert wrong(findings) == []


def test_callbacks_nobody_sends_any_more_are_advice(patient: Patient) -> None:
    patient.store.cancel_job(stored_job(patient.store, callback_url="https://hooks.example.com").job_id, ALICE)
    patient.reconcile()
    (found,) = [one for one in wrong(patient.findings(), Level.ADVICE) if one[0] == "webhooks"]
    assert "WEBHOOK_HOSTS" in found[2]


def test_a_clock_that_is_wrong_is_told(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() - 10_000)  # two machines are not at hand
    (fault,) = (one for one in wrong(list(look_at_redis(patient.redis))) if "clock" in one[1])
    told = re.search(r"(\d+\.\d) s ahead of this machine's", fault[1])
    assert told, fault
    assert float(told[1]) == pytest.approx(10_000, abs=600), "however long the question took"
    assert "NTP" in fault[2]


def test_scripts_read_the_exit_code_and_json(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(os.environ) & {"DATABASE_URL", "REDIS_URL", "FORGE_URL", "DATA_DIR"}:
        monkeypatch.delenv(name)
    well = CliRunner().invoke(doctor, ["--json"], env=patient.given)
    assert well.exit_code == 0, well.output
    assert {one["level"] for one in json.loads(well.output)} <= {"ok", "advice"}
    stop_gpu_worker(patient)
    ill = CliRunner().invoke(doctor, env=patient.given)
    assert ill.exit_code == 1
    assert "→ start one: `celery -A worker worker" in ill.output
