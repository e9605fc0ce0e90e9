"""Someone else's thing answers exactly like a missing one; every route, every kind of caller."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from api.openapi_routes import ROUTES
from shared.store import WorkerState
from tests.door_world import GPU, World, world
from tests.waiting import wait_for

#: Differs from request to request for reasons of its own.
OWN_WAY = {"X-Request-Id", "RateLimit-Remaining", "RateLimit-Reset"}

#: method, path, what the owner gets, what an admin gets. {job} and the like are alice's.
THINGS = [
    ("GET", "/image/job/{waiting}/status", 200, 200),
    ("GET", "/image/job/{waiting}/status?wait=0", 200, 200),
    ("GET", "/image/job/{complete}/status", 200, 200),
    ("GET", "/image/job/{working}/preview", 200, 404),
    ("GET", "/image/job/{working}/preview?v=1", 200, 404),
    ("GET", "/images/{image}", 200, 404),
    ("GET", "/images/{image}?w=128", 200, 404),
    ("GET", "/images/{image}?download=1", 200, 404),
    ("HEAD", "/images/{image}", 200, 404),
    ("GET", "/conversations/{conversation}/messages", 200, 404),
    ("GET", "/conversations/{conversation}/messages?before=99999&limit=1", 200, 404),
    ("DELETE", "/image/job/{complete}/cancel", 409, 409),
    ("POST", "/image/job/{complete}/retry", 409, 409),
    ("DELETE", "/image/job/{cancelled}/cancel", 200, 200),
    ("DELETE", "/image/job/{working}/cancel", 202, 202),
    ("DELETE", "/image/job/{waiting}/cancel", 200, 200),
    ("POST", "/image/job/{failed}/retry", 202, 202),
    ("DELETE", "/conversations/{conversation}", 204, 404),
]
#: For admins only: whether the thing exists makes no difference to anybody else.
ADMIN_THINGS = [
    ("POST", "/image/job/{waiting}/front", 200),
    ("POST", "/image/job/{working}/front", 200),
    ("POST", "/image/job/{complete}/front", 409),
    ("POST", "/queue/pause", 200),
    ("POST", "/queue/resume", 200),
]
#: One's own things, under one address for all.
LISTS = ["/image/status", "/image/jobs", "/image/jobs?limit=200", "/conversations", "/image/options", "/me"]


@pytest.fixture
def alices(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[World]:
    with world(database_url, redis_url, tmp_path) as made:
        yield made


def paths(alices: World, template: str) -> tuple[str, str]:
    """Return the address of alice's thing, and of one of the same form that does not exist."""
    jobs = {name: getattr(alices, name).job_id for name in ("waiting", "working", "complete", "failed", "cancelled")}
    hers = jobs | {"image": alices.image, "conversation": alices.waiting.conversation_id}
    missing = dict.fromkeys(jobs, str(uuid.uuid4())) | {
        "image": f"flux_{uuid.uuid4().hex}.png",
        "conversation": str(uuid.uuid4()),
    }
    return template.format(**hers), template.format(**missing)


def seen(answer: TestResponse) -> tuple[int, bytes, dict[str, str]]:
    """Return everything a caller can see of an answer but what differs anyway."""
    return answer.status_code, answer.get_data(), {k: v for k, v in answer.headers if k not in OWN_WAY}


@pytest.mark.parametrize(("method", "template", "owner", "admin"), THINGS, ids=[f"{m} {p}" for m, p, _, _ in THINGS])
def test_only_its_owner_meets_a_thing(alices: World, method: str, template: str, owner: int, admin: int) -> None:
    hers, missing = paths(alices, template)
    assert seen(alices.ask("other", method, hers)) == seen(alices.ask("other", method, missing))
    assert alices.ask("other", method, hers).status_code == 404
    assert seen(alices.ask("nobody", method, hers)) == seen(alices.ask("nobody", method, missing))
    assert alices.ask("nobody", method, hers).status_code == 401
    assert alices.ask("admin", method, missing).status_code == 404
    if admin == 404:
        assert seen(alices.ask("admin", method, hers)) == seen(alices.ask("admin", method, missing))
    assert alices.ask("owner", method, missing).status_code == 404
    assert alices.ask("owner", method, hers).status_code == owner


@pytest.mark.parametrize(("method", "template", "owner", "admin"), THINGS, ids=[f"{m} {p}" for m, p, _, _ in THINGS])
def test_an_admin_may_see_and_end_jobs_and_nothing_more(
    alices: World, method: str, template: str, owner: int, admin: int
) -> None:
    assert alices.ask("admin", method, paths(alices, template)[0]).status_code == admin


@pytest.mark.parametrize(("query", "kind", "suffix"), [("", "image/png", ".png"), ("&w=256", "image/webp", ".webp")])
def test_a_download_is_named_by_what_it_is(alices: World, query: str, kind: str, suffix: str) -> None:
    answer = alices.ask("owner", "GET", f"/images/{alices.image}?download=1{query}")
    assert (answer.status_code, answer.mimetype) == (200, kind)
    assert re.fullmatch(
        rf"attachment; filename=a-lighthouse-in-a-storm_\d{{8}}-\d{{4}}_-1\{suffix}",
        answer.headers["Content-Disposition"],
    )


@pytest.mark.parametrize("path", ["/images/{image}", "/images/{image}?w=128", "/images/placeholder.svg", "/docs", "/"])
def test_a_condition_that_does_not_hold_is_told_as_a_problem(alices: World, path: str) -> None:
    where = path.format(image=alices.image)
    answer = alices.ask("owner", "GET", where, headers={"If-Match": '"another"'})
    assert (answer.status_code, answer.mimetype) == (412, "application/problem+json")
    assert (answer.get_json()["status"], answer.headers["Cache-Control"]) == (412, "no-store")
    same = alices.ask("owner", "GET", where, headers={"If-Match": alices.ask("owner", "GET", where).headers["ETag"]})
    assert same.status_code == 200 and same.mimetype != "application/problem+json"


def test_more_last_bytes_than_there_are_is_the_whole_picture(alices: World) -> None:
    whole = alices.ask("owner", "GET", f"/images/{alices.image}").get_data()
    for asked, status, part in [
        (f"bytes=-{len(whole) + 1}", 206, whole),
        ("bytes=-99999", 206, whole),
        (f"bytes=-{len(whole)}", 206, whole),
        ("bytes=-3", 206, whole[-3:]),
        ("bytes=-0", 416, None),
        ("bytes=99999-", 416, None),
    ]:
        answer = alices.ask("owner", "GET", f"/images/{alices.image}", headers={"Range": asked})
        assert (answer.status_code, part is None or answer.get_data() == part) == (status, True), asked
        first = len(whole) - len(part or b"")
        assert part is None or answer.headers["Content-Range"] == f"bytes {first}-{len(whole) - 1}/{len(whole)}"


@pytest.mark.parametrize(("method", "template", "admin"), ADMIN_THINGS)
def test_an_admins_route_says_nothing_to_others(alices: World, method: str, template: str, admin: int) -> None:
    hers, missing = paths(alices, template)
    for who in ("owner", "other"):
        assert seen(alices.ask(who, method, hers)) == seen(alices.ask(who, method, missing))
        assert alices.ask(who, method, hers).status_code == 403
    assert alices.ask("nobody", method, hers).status_code == 401
    assert alices.ask("admin", method, hers).status_code == admin


@pytest.mark.parametrize("path", LISTS)
def test_a_list_shows_ones_own_only(alices: World, path: str) -> None:
    for who in ("other", "admin"):
        text = alices.ask(who, "GET", path).get_data(as_text=True)
        assert [secret for secret in alices.secrets if secret in text] == []
    assert alices.ask("nobody", "GET", path).status_code == 401


def test_everybodys_jobs_are_listed_for_admins_only(alices: World) -> None:
    assert alices.ask("other", "GET", "/image/jobs?all=1").status_code == 403
    assert alices.ask("owner", "GET", "/image/jobs?all=1").status_code == 403
    listed = alices.ask("admin", "GET", "/image/jobs?all=1").get_json()["jobs"]
    assert {job["job_id"] for job in listed} >= {alices.waiting.job_id, alices.failed.job_id}


def test_a_preview_is_shown_to_whom_may_fetch_it(alices: World) -> None:
    status, front, cancel = (f"/image/job/{alices.working.job_id}/{what}" for what in ("status", "front", "cancel"))
    hers = alices.ask("owner", "GET", status).get_json()["preview_url"]
    assert alices.ask("owner", "GET", hers).status_code == 200
    listed = alices.ask("admin", "GET", "/image/jobs?all=1").get_json()["jobs"]
    assert {job["preview_url"] for job in listed} == {None}
    assert alices.ask("admin", "GET", status).get_json()["preview_url"] is None
    assert alices.ask("admin", "POST", front).get_json()["preview_url"] is None
    assert alices.ask("admin", "DELETE", cancel).get_json()["preview_url"] is None
    assert alices.ask("owner", "DELETE", cancel).get_json()["preview_url"] == hers


def test_nobody_writes_into_someone_elses_conversation(alices: World) -> None:
    body = {"prompt": "mine now", "conversation_id": alices.waiting.conversation_id}
    missing = body | {"conversation_id": str(uuid.uuid4())}
    for who in ("other", "admin"):
        refused = alices.ask(who, "POST", "/image/generate", json=body)
        assert refused.status_code == 404
        assert seen(refused) == seen(alices.ask(who, "POST", "/image/generate", json=missing))
    assert alices.ask("owner", "POST", "/image/generate", json=body).status_code == 202


def test_cancelling_all_my_jobs_leaves_everybody_elses(alices: World) -> None:
    for who in ("other", "admin"):
        assert alices.ask(who, "DELETE", "/image/jobs?status=queued").get_json() == {"cancelled": 0}
    assert alices.ask("owner", "DELETE", "/image/jobs?status=queued").get_json() == {"cancelled": 1}


def test_an_idempotency_key_is_each_users_own(alices: World) -> None:
    key = {"Idempotency-Key": "the same for all"}
    made = {
        who: alices.ask(who, "POST", "/image/generate", json={"prompt": who}, headers=key) for who in ("owner", "other")
    }
    assert {answer.status_code for answer in made.values()} == {202}
    assert len({answer.get_json()["job_id"] for answer in made.values()}) == 2


def test_a_key_finds_its_job_though_no_worker_offers_what_was_asked_for_any_more(alices: World) -> None:
    body, key = {"prompt": "x", "sampler_name": "Heun"}, {"Idempotency-Key": "once"}
    made = alices.ask("owner", "POST", "/image/generate", json=body, headers=key)
    lists = {"samplers": ["Euler"], "schedulers": ["Simple"], "models": []}
    alices.store.report_worker(WorkerState(name=GPU.worker, boot_id=GPU.boot_id, forge=GPU.forge, lists=lists))
    wait_for(lambda: alices.ask("owner", "GET", "/image/options").get_json()["samplers"], what="the lists")
    again = alices.ask("owner", "POST", "/image/generate", json=body, headers=key)
    assert (made.status_code, again.status_code) == (202, 200)
    assert again.get_json()["job_id"] == made.get_json()["job_id"] and again.headers["Location"]
    refused = [
        alices.ask("owner", "POST", "/image/generate", json=body),
        alices.ask("owner", "POST", "/image/generate", json=body, headers={"Idempotency-Key": "another"}),
        alices.ask("owner", "POST", "/image/generate", json=body | {"steps": 5}, headers=key),
        alices.ask("owner", "POST", "/image/generate", json=body | {"steps": 0}, headers=key),
        alices.ask("other", "POST", "/image/generate", json=body, headers=key),
    ]
    assert [answer.status_code for answer in refused] == [422] * 5
    assert [len(answer.get_json()["errors"]) for answer in refused] == [1, 1, 1, 2, 1]


STRANGE = ["0", "-1", "null", "..", "a'b", '"', "%00", "%0a", "%ff", "ş", "x" * 3000, "{id}", "*", "%252e", "1e9", " "]


@pytest.mark.parametrize("strange", STRANGE, ids=[repr(text)[:12] for text in STRANGE])
def test_an_id_of_any_form_that_is_not_mine_is_not_found(alices: World, strange: str) -> None:
    names = ("waiting", "working", "complete", "failed", "cancelled", "image", "conversation")
    for method, template, _, _ in THINGS:
        path = template.split("?", maxsplit=1)[0].format(**dict.fromkeys(names, strange))
        answer = alices.ask("owner", method, path)
        assert answer.status_code == 404, path
        assert method == "HEAD" or answer.get_json()["code"] == "not_found"


def test_every_route_of_the_document_is_in_the_matrix() -> None:
    addresses = [(method, path) for method, path, _, _ in THINGS] + [(method, path) for method, path, _ in ADMIN_THINGS]
    tried = {(method, path.split("?")[0]) for method, path in addresses}
    shapes = {(method, "/".join("*" if "{" in part else part for part in path.split("/"))) for method, path in tried}
    lists = {("GET", path.split("?")[0]) for path in LISTS}
    elsewhere = {("POST", "/image/generate"), ("DELETE", "/image/jobs")}
    for route in ROUTES:
        shape = "/".join("*" if "{" in part else part for part in route.path.split("/"))
        assert route.public or (route.method, shape) in shapes | lists | elsewhere


def test_no_answer_names_a_path_or_a_server_of_ours(alices: World) -> None:
    for path in ("/image/status", "/image/options", f"/image/job/{alices.failed.job_id}/status", "/readyz", "/healthz"):
        text = json.dumps(alices.ask("owner", "GET", path).get_json())
        assert "10.0.0.9" not in text and "/work/" not in text and "/tmp/" not in text and "Traceback" not in text
