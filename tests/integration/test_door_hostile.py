"""Hundreds of hostile requests: none is a fault of ours, and each refusal explains itself."""

from collections.abc import Iterator

import pytest

from api.answers import Problem
from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis
from shared.domain.texts import FAULT_TEXTS
from tests import services
from tests.door_world import World, world
from tests.hostile import Hostile, hostile_requests

REQUESTS = hostile_requests()
#: What must never be in an answer.
OURS = (
    "Traceback",
    'File "',
    ".py",
    "sqlalchemy",
    "psycopg",
    "redis",
    "pydantic",
    "werkzeug",
    "/work",
    "/tmp",
    "SELECT ",
)


@pytest.fixture(scope="module")
def attacked(
    postgres: EmbeddedPostgres, redis_server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    services.empty_database(postgres.url)
    with world(postgres.url, redis_server.url, tmp_path_factory.mktemp("data")) as made:
        yield made


def test_there_are_hundreds() -> None:
    assert len(REQUESTS) >= 300
    assert len({request.name for request in REQUESTS}) >= 300


@pytest.mark.parametrize("hostile", REQUESTS, ids=lambda hostile: hostile.name)
def test_a_hostile_request_is_refused_and_told_why(attacked: World, hostile: Hostile) -> None:
    before = attacked.store.highest_ticket()
    path = hostile.path.replace("{id}", attacked.waiting.job_id)
    answer = attacked.ask("owner", hostile.method, path, data=hostile.body, headers=hostile.headers)
    assert answer.status_code in hostile.allowed
    assert answer.headers["X-Request-Id"] and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert attacked.store.highest_ticket() == before
    if answer.status_code == 308 or hostile.method == "HEAD":
        return
    assert answer.mimetype == "application/problem+json"
    problem = Problem.model_validate(answer.get_json())
    assert problem.status == answer.status_code and problem.detail and problem.title
    assert not [word for word in OURS if word in answer.get_data(as_text=True)]
    if answer.status_code == 422:
        assert problem.errors and all(fault.field and fault.message for fault in problem.errors)
    if hostile.blamed:
        assert hostile.blamed in {fault.field for fault in problem.errors}


@pytest.mark.parametrize("language", ["tr", "tr-TR,tr;q=0.9,en;q=0.5"])
def test_a_refusal_speaks_the_callers_language(attacked: World, language: str) -> None:
    answer = attacked.ask("owner", "POST", "/image/generate", json={}, headers={"Accept-Language": language})
    assert answer.get_json()["errors"] == [{"field": "prompt", "message": FAULT_TEXTS["required"]["tr"]}]


def test_after_all_that_an_honest_request_is_served(attacked: World) -> None:
    assert attacked.ask("owner", "POST", "/image/generate", json={"prompt": "Ağaç 🌳 ' -- <b>"}).status_code == 202
