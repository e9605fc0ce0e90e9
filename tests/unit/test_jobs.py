"""The job's machine, its views, and who may see what of it."""

import re
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

from shared.domain.jobs import (
    TERMINAL,
    TRANSITIONS,
    Job,
    Live,
    Stage,
    Status,
    Verb,
    after,
    client_view,
    iso,
    sources,
    stored_view,
)
from tests.builders import PARAMS

NOW = datetime(2026, 1, 31, 12, 0, 0, 1000, UTC)
ROOT = Path(__file__).parents[2]

ALLOWED = {
    (Status.QUEUED, Verb.CLAIM),
    (Status.QUEUED, Verb.FAIL),
    (Status.QUEUED, Verb.CANCEL),
    (Status.PROCESSING, Verb.PUT_BACK),
    (Status.PROCESSING, Verb.COMPLETE),
    (Status.PROCESSING, Verb.FAIL),
    (Status.PROCESSING, Verb.CANCEL),
}


def job(**values: object) -> Job:
    """Return a waiting job."""
    whole: dict[str, object] = {
        "job_id": "0b8f9a52-0000-4000-8000-000000000000",
        "message_id": 2,
        "conversation_id": "c",
        "user_id": "42",
        "username": "alice",
        "status": Status.QUEUED,
        "stage": Stage.WAITING,
        "progress": 0,
        "priority": 10,
        "ticket": 1,
        "attempt": 0,
        "version": 1,
        "change_seq": 1,
        "prompt": "a lighthouse",
        "params": PARAMS,
        "locale": "en",
        "created_at": NOW,
        "updated_at": NOW,
        "queue_position": 3,
    }
    return Job(**{**whole, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(("status", "verb"), list(product(Status, Verb)))
def test_every_status_allows_exactly_its_verbs(status: Status, verb: Verb) -> None:
    assert (after(status, verb) is not None) == ((status, verb) in ALLOWED)


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_a_terminal_status_allows_nothing(status: Status) -> None:
    assert all(after(status, verb) is None for verb in Verb)


@pytest.mark.parametrize("verb", list(Verb))
def test_the_sources_of_a_verb_are_those_of_the_table(verb: Verb) -> None:
    assert set(sources(verb)) == {status for status, allowed in TRANSITIONS if allowed is verb}


def test_moments_are_told_in_utc_with_a_z() -> None:
    assert iso(NOW) == "2026-01-31T12:00:00.001Z"
    assert iso(None) is None


def test_a_waiting_job_shows_its_derived_place() -> None:
    live = Live(queue_position=2, queue_total=7, eta_seconds=40, server_time=NOW)
    view = client_view(job(), live)
    assert (view["queue_position"], view["queue_total"], view["eta_seconds"]) == (2, 7, 40)
    assert (view["stage"], view["image_url"], view["placeholder"]) == ("waiting", None, False)


def test_a_held_job_shows_the_placeholder_and_no_estimate() -> None:
    view = client_view(job(), Live(server_time=NOW, queue_position=1, eta_seconds=9, held=True))
    assert (view["stage"], view["placeholder"]) == ("held", True)
    assert (view["image_url"], view["eta_seconds"]) == ("/images/placeholder.svg", None)


def test_a_processing_job_is_never_held_and_has_no_place() -> None:
    view = client_view(
        job(status=Status.PROCESSING, stage=Stage.SAMPLING),
        Live(server_time=NOW, queue_position=3, held=True, preview_version=4),
    )
    assert (view["stage"], view["placeholder"], view["queue_position"]) == ("sampling", False, 0)
    assert view["preview_url"].endswith("/preview?v=4")


def test_an_image_is_shown_only_of_a_complete_job_that_still_has_it() -> None:
    done = {"status": Status.COMPLETE, "stage": None, "image_name": "flux_1.png"}
    assert stored_view(job(**done))["image_url"] == "/images/flux_1.png"
    assert stored_view(job(**done, image_expired=True))["image_url"] is None
    assert stored_view(job(image_name="flux_1.png"))["image_url"] is None


def test_the_stored_keys_are_all_but_the_derived_ones() -> None:
    derived = {"queue_total", "eta_seconds", "preview_url", "placeholder", "server_time"}
    assert set(client_view(job(), Live(server_time=NOW))) - set(stored_view(job())) == derived


def test_no_status_is_written_out_elsewhere() -> None:
    literal = re.compile(r"""["'](queued|processing|cancelled)["'](?!:)""")  # a key names a count
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("api", "worker", "beat", "shared")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if literal.search(line) and not _has_reason(path)
    ]
    assert found == []


def _has_reason(path: Path) -> bool:
    """Name those that mean something else by the word, or need a literal (a migration's SQL, a type)."""
    meant = {
        "jobs.py": "the machine itself",
        "errors.py": "an error code",
        "texts.py": "an error code",
        "queries.py": "a type of one value",
        "workbench.py": "a reason to stop",
        "forge.py": "a state of Forge's own, as in its rooms forge_*.py",
    }
    frozen = {"migrations", "node_modules"} & set(path.parts)
    return path.name in meant or path.name.startswith("forge_") or bool(frozen)
