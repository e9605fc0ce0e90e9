"""What every client does with reports about jobs, in Python: the page's rule (`api/web/src/stores/mergeJob.ts`)."""

from datetime import datetime
from typing import Any

Report = dict[str, Any]
LEVEL = {"queued": 1, "processing": 2, "complete": 3, "error": 3, "cancelled": 3}
TERMINAL = 3


def merge(prev: Report | None, report: Report) -> Report:
    """Return the report that holds; `prev` itself when the other is rejected."""
    if prev is None:
        return report
    if LEVEL[prev["status"]] == TERMINAL and report["status"] != prev["status"]:
        return prev
    before, after = (prev["attempt"], prev["version"]), (report["attempt"], report["version"])
    if after < before:
        return prev
    if after == before and (LEVEL[report["status"]] < LEVEL[prev["status"]] or _moment(report) <= _moment(prev)):
        return prev
    return _without_regress(prev, report)


def _without_regress(prev: Report, report: Report) -> Report:
    same_run = prev["attempt"] == report["attempt"] and prev["status"] == report["status"] == "processing"
    return {**report, "progress": max(prev["progress"], report["progress"])} if same_run else report


def _moment(report: Report) -> datetime:
    return datetime.fromisoformat(report["server_time"])
