"""At 10,000 waiting every statement on somebody's way finds its rows by an index: nothing walks through the line."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event

from shared import fresh, redis_link
from shared.domain.identity import Identity
from shared.domain.jobs import Job
from shared.line_index import LineIndex
from shared.store import Caps, Claimant, Store
from shared.store.prepared import Prepared
from shared.waiting_line import WaitingLine
from tests import services
from tests.builders import new_job
from tests.crowd import fill_line, index_line

DEPTH = 10_000
GPU = Claimant("gpu1@host", "boot", "http://forge")
MIDDLE = Identity("u5000", "name5000")

Plan = dict[str, Any]


@pytest.fixture(scope="module")
def crowded(postgres: Any) -> Iterator[Store]:
    """A store in which 10,000 owners wait."""
    store = Store(postgres.url)
    services.empty_database(postgres.url)
    fill_line(store, DEPTH)
    yield store
    store.close()


def middle(store: Store) -> Job:
    """The job in the middle of the line."""
    found = store.unfinished_jobs(MIDDLE.user_id)
    return found[0]


CALLS: dict[str, Callable[[Store], object]] = {
    "a job": lambda store: store.job("00001388-0000-4000-8000-000000000000"),
    "my jobs": lambda store: store.unfinished_jobs(MIDDLE.user_id),
    "a page of my jobs": lambda store: store.jobs_page(user_id=MIDDLE.user_id, status=None, before=None, limit=50),
    "what is worked": lambda store: (store.processing(), store.processing_count()),
    "the jobs of those who are connected": lambda store: store.waiting_of({"id:u77", "name:name78", "id:nobody"}),
    "the front of the line": lambda store: store.waiting_scores(1000),
    "works": lambda store: store.waiting(["00001388-0000-4000-8000-000000000000"]),
    "durations": lambda store: store.durations(),
    "what changed": lambda store: store.changed_since(DEPTH),
    "what changed late": lambda store: store.changed_lately(DEPTH, within_s=10),
    "the newest change": lambda store: store.latest_change(),
    "the highest ticket": lambda store: store.highest_ticket(),
    "whether work waits": lambda store: store.work_waits(),
    "a claim": lambda store: store.put_back(claimed) if (claimed := _claim(store)) else None,
    "a cancel": lambda store: store.cancel_job(
        store.waiting_scores(1)[0][0], Identity("u1", None, frozenset({"admin"}))
    ),
    "a submission": lambda store: store.add_job(
        new_job(MIDDLE, idempotency_key="k", body_hash="h"),
        ticket=store.highest_ticket() + 1,
        caps=Caps(max_queue=10**6, max_jobs_per_user=20),
        position=1,
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_it_reads_no_table_from_end_to_end(crowded: Store, name: str) -> None:
    for statement, plan in plans_of(crowded, lambda: CALLS[name](crowded)):
        scanned = [node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
        assert not {"jobs", "messages", "conversations"} & set(scanned), f"{statement}\n{json.dumps(plan, indent=1)}"


def test_a_claim_takes_the_first_without_sorting_the_line(crowded: Store) -> None:
    plans = [plan for text, plan in plans_of(crowded, lambda: CALLS["a claim"](crowded)) if "SKIP LOCKED" in text]
    assert plans
    kinds = {(node["Node Type"], node.get("Index Name")) for plan in plans for node in nodes(plan)}
    assert ("Index Scan", "jobs_waiting") in kinds and "Sort" not in {kind for kind, _ in kinds}


def test_a_place_is_counted_in_the_index_alone(crowded: Store) -> None:
    job = middle(crowded)
    ((_, plan),) = plans_of(crowded, lambda: crowded.position(job))
    assert ("Index Only Scan", "jobs_waiting") in {(node["Node Type"], node.get("Index Name")) for node in nodes(plan)}


def test_places_are_looked_up_for_those_whom_they_concern(
    crowded: Store, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, "monotonic", lambda: 0.0)  # however slow this goes, the estimate is not looked at anew
    redis = redis_link.connect(redis_url)
    index = LineIndex(redis)
    line = WaitingLine(crowded, index, workers=lambda: 1, fair=False)
    in_sql, total = line.places_of({"id:u6000", "name:name42"})
    index_line(crowded, index)
    asked: list[str] = []
    event.listen(crowded._engine("AUTOCOMMIT"), "before_cursor_execute", lambda *args: asked.append(args[2]))
    in_redis, total_in_redis = line.places_of({"id:u6000", "name:name42"})
    assert total_in_redis == total
    assert [place.queue_position for place in in_redis] == [place.queue_position for place in in_sql] != []
    assert [place.audience for place in in_redis] == [{"id:u42", "name:name42"}, {"id:u6000", "name:name6000"}]
    assert len(asked) == 1, "one statement, however long the line is"
    redis.close()


def plans_of(store: Store, call: Callable[[], object]) -> list[tuple[str, Plan]]:
    """Return every statement on the line that a call makes, and PostgreSQL's plan for it."""
    made: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        made.append((statement, parameters))

    def note_row(statement: str | Prepared, values: Any) -> Any:
        made.append((statement.plain if isinstance(statement, Prepared) else statement, values))
        return Store._only_row(store, statement, values)

    engines = [store.engine, store._engine("AUTOCOMMIT")]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    store._only_row = note_row  # type: ignore[method-assign]  # it bypasses the engine's events
    try:
        call()
    finally:
        del store._only_row
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
    with store.engine.connect() as connection:
        return [
            (text, connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {_last(text)}", values).scalar_one()[0]["Plan"])
            for text, values in made
        ]


def nodes(plan: Plan) -> Iterator[Plan]:
    """Walk through a plan."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def _last(statement: str) -> str:
    """Return a statement without the locks that were sent before it."""
    return statement.rpartition(";")[2]


def _claim(store: Store) -> Job | None:
    change = store.claim(GPU, lease_s=30)
    return change.job if change else None
