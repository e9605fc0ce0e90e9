"""No client goes back and every client ends right, whatever happens to the events on their way.

Histories with retries, put-backs and every end; events that are dropped, doubled or overtaken; snapshots read at any
moment and finished at any later one; a browser that stops reading and resumes. The relay is the real one.
"""

import json
import random
from pathlib import Path
from typing import Any

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.relay import session as session_module
from tests.reducer import LEVEL, TERMINAL, merge
from tests.relay_stage import ALICE, RelayStage

TABLE = json.loads((Path(__file__).parents[2] / "api" / "web" / "test" / "merge_cases.json").read_text())
CASES = [case for case in TABLE["cases"] if "without a version" not in case["name"] and case["next"].get("version")]
PAGE_ONLY = {"another job's report changes nothing", "an unreadable clock counts as the earliest"}
JOBS = ("a", "b", "c")

Report = dict[str, Any]
step = st.one_of(
    st.tuples(
        st.just("change"), st.sampled_from(JOBS), st.integers(0, 9), st.sampled_from(["told", "lost", "late", "twice"])
    ),
    st.tuples(st.just("again"), st.integers(0, 50)),
    st.tuples(st.sampled_from(["late ones", "ask", "gate shut", "gate open", "read", "sweep", "yield"])),
)


@pytest.fixture(autouse=True)
def no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots as often as asked: the pace is not what is tried here."""
    monkeypatch.setattr(session_module, "SNAPSHOT_EVERY_S", 0.0)


class World:
    """The store's histories, the events on their way, and what the browser shows."""

    def __init__(self) -> None:
        self.stage = RelayStage()
        self.clock = 0
        self.late: list[Report] = []
        self.sent: list[Report] = []
        self.shown: dict[str, Report] = {}
        self.stage.session.welcome(ALICE)

    def change(self, job_id: str, choice: int, fate: str) -> None:
        """Move a job on, commit, and let its event meet its fate."""
        job = moved(self.stage.feed.jobs.get(job_id), job_id, choice, self._now())
        if job is None:
            return
        self.stage.feed.commit(job)
        self.sent.append(job)
        if fate == "late":
            self.late.append(job)
        for _ in range({"told": 1, "twice": 2}.get(fate, 0)):
            self.stage.publish(job)

    def again(self, which: int) -> None:
        """An event of long ago arrives once more."""
        if self.sent:
            self.stage.publish(self.sent[which % len(self.sent)])

    def late_ones(self) -> None:
        """What was late arrives, in any order."""
        random.Random(len(self.late)).shuffle(self.late)
        while self.late:
            self.stage.publish(self.late.pop())

    def read(self) -> None:
        """The browser reads; nothing it hears of a job may be older than what it heard."""
        for event in self.stage.read():
            reports = event["jobs"] if event["type"] == "snapshot" else [event["job"]] if "job" in event else []
            for report in reports:
                self._hear(report)

    def settle(self) -> None:
        """Everything comes to rest, and the store is swept once."""
        self.late_ones()
        self.stage.feed.gate.set()
        self.stage.sweep.once()
        with gevent.Timeout(10):
            while self.stage.session._teller is not None or self.stage.session.connection.outbox.stalled_at:
                gevent.sleep(0)
                self.read()
        self.read()

    def _hear(self, report: Report) -> None:
        shown = self.shown.get(report["job_id"])
        if shown is not None:
            assert (report["attempt"], report["version"]) >= (shown["attempt"], shown["version"]), (
                "the socket went back"
            )
            assert LEVEL[shown["status"]] < TERMINAL or report["status"] == shown["status"]
        self.shown[report["job_id"]] = merge(shown, report)

    def _now(self) -> str:
        self.clock += 1
        return f"2026-01-01T{self.clock // 3600:02}:{self.clock // 60 % 60:02}:{self.clock % 60:02}.000Z"


def moved(job: Report | None, job_id: str, choice: int, now: str) -> Report | None:
    """Return the job one transition on, None where it has ended."""
    if job is None:
        return {"job_id": job_id, "status": "queued", "attempt": 0, "version": 1, "progress": 0, "server_time": now,
                "blob": "x" * 20_000}  # fmt: skip
    job = {**job, "version": job["version"] + 1, "server_time": now}
    if job["status"] == "queued":
        end = choice == 9
        return {**job, "status": "cancelled"} if end else {**job, "status": "processing", "attempt": job["attempt"] + 1}
    if job["status"] != "processing":
        return None
    if choice < 6:
        return {**job, "progress": min(99, job["progress"] + choice)}
    if choice == 6:
        return {**job, "status": "queued", "progress": 0}
    return {**job, "status": ["complete", "error", "cancelled"][choice - 7]}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(step, max_size=60))
def test_nothing_regresses_and_everything_converges(steps: list[tuple[Any, ...]]) -> None:
    world = World()
    acts: dict[str, Any] = {
        "change": world.change,
        "again": world.again,
        "late ones": world.late_ones,
        "ask": lambda: world.stage.session.hear('{"type":"snapshot"}'),
        "gate shut": world.stage.feed.gate.clear,
        "gate open": world.stage.feed.gate.set,
        "read": world.read,
        "sweep": world.stage.sweep.once,
        "yield": lambda: gevent.sleep(0),
    }
    try:
        for name, *arguments in steps:
            acts[name](*arguments)
        world.settle()
        assert not world.stage.session.connection.closing
        assert world.shown == world.stage.feed.jobs
    finally:
        world.stage.close()


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["name"] not in PAGE_ONLY], ids=lambda case: case["name"]
)
def test_the_rule_of_this_model_is_the_pages(case: dict[str, Any]) -> None:
    prev = TABLE["base"] | case["prev"] if case["prev"] is not None else None
    report = TABLE["base"] | case["next"]
    kept = merge(prev, report)
    assert kept == {**(report if case["keeps"] == "next" else prev or {}), **case.get("fields", {})}


@pytest.mark.parametrize("history", TABLE["histories"], ids=lambda history: history["name"])
def test_a_history_in_any_order_ends_in_its_last_event(history: dict[str, Any]) -> None:
    events = [TABLE["base"] | event for event in history["events"]]
    for seed in range(50):
        told = events + random.Random(seed).choices(events, k=len(events))
        random.Random(seed).shuffle(told)
        shown: Report | None = None
        for event in told:
            shown = merge(shown, event)
        assert shown == events[-1]
