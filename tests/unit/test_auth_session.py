"""Signing in and out, and every way a token comes in."""

from typing import Any

import pytest

from api.auth import SECURE_SESSION_COOKIE, SESSION_COOKIE
from tests import tokens
from tests.door_app import door_app, jwt_settings

STRICT = {"jwt_audience": tokens.AUDIENCE, "jwt_issuer": tokens.ISSUER}


def test_a_session_cookie_is_out_of_reach_of_scripts_and_ends_with_its_token() -> None:
    client = door_app(jwt_settings()).test_client()
    answer = client.post("/session", json={"token": tokens.token("7", ends_in_s=100)})
    assert answer.status_code == 200 and answer.get_json()["user_id"] == "7"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{SESSION_COOKIE}=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert "Secure" not in cookie and "Domain" not in cookie and "Path=/" in cookie
    max_age = int(cookie.partition("Max-Age=")[2].partition(";")[0])
    assert 95 <= max_age <= 100
    assert client.get("/me").get_json()["user_id"] == "7"
    assert client.delete("/session").status_code == 204
    assert client.get("/me").status_code == 401


def test_over_tls_the_cookie_is_bound_to_its_host() -> None:
    client = door_app(jwt_settings()).test_client()
    answer = client.post("/session", headers=tokens.bearer(), base_url="https://localhost")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{SECURE_SESSION_COOKIE}=") and "Secure" in cookie and "Path=/" in cookie
    planted = {"Cookie": f"{SESSION_COOKIE}={tokens.token('mallory')}"}
    assert (
        door_app(jwt_settings()).test_client().get("/me", headers=planted, base_url="https://localhost").status_code
        == 401
    )


@pytest.mark.parametrize("name", tokens.forgeries())
def test_a_forgery_is_refused_on_every_way_in(name: str) -> None:
    forged = tokens.forgeries()[name].encode().decode("latin-1")
    client = door_app(jwt_settings(**STRICT)).test_client()
    answers = [
        client.get("/me", headers={"Authorization": f"Bearer {forged}"}),
        client.post("/session", headers={"Authorization": f"Bearer {forged}"}),
        client.get("/me", headers={"Cookie": f"{SESSION_COOKIE}={forged}"}),
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert {answer.get_json()["code"] for answer in answers} == {"unauthenticated"}
    assert all(answer.headers["WWW-Authenticate"] == "Bearer" for answer in answers)


@pytest.mark.parametrize(
    ("send", "status"),
    [
        ({}, 401),
        ({"json": {"token": "garbage"}}, 401),
        ({"json": {}}, 401),
        ({"json": {"token": 5}}, 422),
        ({"json": {"token": ""}}, 422),
        ({"json": {"token": "x", "next": "/"}}, 422),
        ({"json": []}, 422),
        ({"data": "{", "content_type": "application/json"}, 400),
        ({"data": "token=x"}, 415),
        ({"headers": {"Authorization": "Bearer"}}, 401),
        ({"headers": {"Authorization": "Bearer "}}, 401),
        ({"headers": {"Authorization": "Basic YTpi"}}, 401),
    ],
    ids=repr,
)
def test_signing_in_explains_what_is_wrong(send: dict[str, Any], status: int) -> None:
    answer = door_app(jwt_settings()).test_client().post("/session", **send)
    assert answer.status_code == status and answer.mimetype == "application/problem+json"
    assert "Set-Cookie" not in answer.headers


def test_a_token_in_the_address_is_not_read() -> None:
    client = door_app(jwt_settings()).test_client()
    for name in ("token", "access_token", "auth"):
        assert client.get(f"/me?{name}={tokens.token()}").status_code == 401
    assert client.post(f"/session?token={tokens.token()}").status_code in (401, 422)


def test_a_bad_token_beside_a_good_cookie_is_still_bad() -> None:
    client = door_app(jwt_settings()).test_client()
    client.post("/session", headers=tokens.bearer())
    assert client.get("/me").status_code == 200
    assert client.get("/me", headers={"Authorization": "Bearer garbage"}).status_code == 401


@pytest.mark.parametrize("base_url", ["http://localhost", "https://localhost"])
def test_a_token_no_browser_would_keep_as_a_cookie_is_refused_in_words(base_url: str) -> None:
    """Name and value may have 4,096 bytes together; past that a browser drops the cookie without a word."""
    client = door_app(jwt_settings()).test_client()
    long = tokens.token(groups=["a-group-of-a-directory"] * 160)
    assert 4096 < len(long) < 8000
    for send in ({"json": {"token": long}}, {"headers": {"Authorization": f"Bearer {long}"}}):
        answer = client.post("/session", base_url=base_url, **send)
        assert answer.status_code == 422 and "Set-Cookie" not in answer.headers
        assert [fault["field"] for fault in answer.get_json()["errors"]] == ["token"]
    assert client.get("/me", headers={"Authorization": f"Bearer {long}"}).status_code == 200
    kept = client.post("/session", base_url=base_url, headers=tokens.bearer(groups=["a-group"] * 200))
    assert kept.status_code == 200 and len(kept.headers["Set-Cookie"].partition(";")[0]) <= 4096
