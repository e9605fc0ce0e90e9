"""The dashboard and the alert rules name only metrics that /metrics exports."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from api.app import create_app
from api.metrics_relay import count_close
from shared.domain.failures import FailureKind
from shared.duty_clock import DutyClock
from shared.queues import RESCUE_TASK
from shared.redis_link import connect
from shared.settings import Settings
from shared.store import Claimant, Store, WorkerState
from tests.builders import stored_job
from tests.compose_file import ROOT
from worker.figures import Figures

ALERTS = ROOT / "ops/alerts.yml"
DASHBOARD = ROOT / "ops/grafana-dashboard.json"
#: what Prometheus itself adds to what it scrapes
OF_PROMETHEUS = {"up"}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Every query with the name of its alert or panel."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


def metrics_in(expression: object) -> Iterator[str]:
    """Return the name of every series an expression of PromQL reads."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression.name or ""
        return
    parts = ("expr", "lhs", "rhs", "vector_selector", "args")
    for part in filter(None, (getattr(expression, name, None) for name in parts)):
        for one in part if isinstance(part, list) else [part]:
            yield from metrics_in(one)


@pytest.fixture
def exported(store: Store, database_url: str, redis_url: str, tmp_path: Path) -> set[str]:
    """Every series of an installation in which everything happened once."""
    figures, claimant = Figures(), Claimant("gpu1@a", "b", "http://f")
    store.report_worker(WorkerState(name="gpu1@a", boot_id="b", forge="http://f", problem="poisoned"))
    stored_job(store)
    change = store.claim(claimant, lease_s=30)
    assert change
    figures.generation_begins(change.job)
    figures.failed(FailureKind.TIMEOUT)
    figures.generation_ended(drawn=True)
    figures.attempt_ended("done")
    store.write_figures("gpu1@a", "b", figures.text())
    DutyClock(connect(redis_url)).done(RESCUE_TASK)
    given = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "DATA_DIR": str(tmp_path)}
    client = create_app(Settings.from_env(given, while_up=False)).test_client()
    client.get("/healthz")
    count_close(1000)
    return set(re.findall(r"^(\w+)[{ ]", client.get("/metrics").text, re.MULTILINE))


def test_every_query_reads_only_what_is_exported(exported: set[str]) -> None:
    unknown = {
        (where, name)
        for where, query in queries()
        for name in metrics_in(promql_parser.parse(query))
        if name not in exported | OF_PROMETHEUS
    }
    assert unknown == set()


def test_the_handbooks_unit_keeps_its_data_in_a_folder_that_systemd_makes_for_it() -> None:
    unit = (ROOT / "docs/operations.md").read_text().partition("```ini\n")[2].partition("```")[0]
    pairs = [line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#")]
    lines, given = dict(pairs), dict(value.split("=", 1) for name, value in pairs if name == "Environment")
    assert given["DATA_DIR"] == f"/var/lib/{lines['StateDirectory']}"
    assert float(lines["TimeoutStopSec"]) > float(given["SHUTDOWN_GRACE_S"])


def test_the_handbook_lists_every_metric_and_no_other(exported: set[str]) -> None:
    section = (ROOT / "docs/operations.md").read_text().partition("<!-- metrics:")[2].partition("\n\n")[0]
    listed = set(re.findall(r"`(forgeline_\w+)`", section))
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exported if name.startswith("forgeline_")}
    assert listed == ours


def test_every_query_reads_something() -> None:
    silent = [where for where, query in queries() if not any(metrics_in(promql_parser.parse(query)))]
    assert silent == []


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"]["summary"].endswith((".", ": jobs wait.")), rule["alert"]
        assert rule["annotations"]["mend"], rule["alert"]


def test_panels_stand_beside_each_other() -> None:
    places = [panel["gridPos"] for panel in panels()]
    cells = [(place["x"] + x, place["y"] + y) for place in places for x in range(place["w"]) for y in range(place["h"])]
    assert len(cells) == len(set(cells))
    assert _unique(panel["id"] for panel in panels())
    assert _unique(panel["title"] for panel in panels())


def _unique(values: Iterable[object]) -> bool:
    found = list(values)
    return len(found) == len(set(found))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian's prometheus) is not installed")
def test_prometheus_takes_the_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
