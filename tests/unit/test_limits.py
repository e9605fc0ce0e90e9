"""Who may read the metrics, and how often someone may write."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from api.auth import Authenticator, may_read_metrics
from api.peer import address_of
from shared.domain.errors import Unauthenticated
from shared.settings import Settings
from tests import tokens
from tests.door_app import door_app, jwt_settings

LOCAL = Settings()


def client_of(settings: Settings) -> FlaskClient:
    return door_app(settings).test_client()


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


METRICS = [
    (LOCAL, "127.0.0.1", {}, True),
    (jwt_settings(), "127.0.0.1", {}, True),
    (jwt_settings(), "::1", {}, True),
    (jwt_settings(), "::ffff:127.0.0.1", {}, True),
    (jwt_settings(), "::ffff:203.0.113.9", {}, None),
    (jwt_settings(), "", {}, None),
    (jwt_settings(), "127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, None),
    (jwt_settings(), "127.0.0.1", {"Forwarded": "for=203.0.113.9"}, None),
    (jwt_settings(), "203.0.113.9", {}, None),
    (jwt_settings(metrics_token="m" * 20), "203.0.113.9", {"Authorization": f"Bearer {'m' * 20}"}, True),
    (jwt_settings(metrics_token="m" * 20), "203.0.113.9", {"Authorization": "Bearer mm"}, None),
    (jwt_settings(metrics_token="m" * 20), "203.0.113.9", {"Authorization": "Bearer \xff"}, None),
    (jwt_settings(), "203.0.113.9", tokens.bearer(roles=["admin"]), True),
    (jwt_settings(), "203.0.113.9", tokens.bearer(), False),
]


@pytest.mark.parametrize(("settings", "address", "headers", "expected"), METRICS)
def test_metrics_are_for_this_machine_and_those_who_may(
    settings: Settings, address: str, headers: dict[str, str], expected: bool | None
) -> None:
    asking = Request(EnvironBuilder(headers=Headers(headers), environ_base={"REMOTE_ADDR": address}).get_environ())
    if expected is None:
        with pytest.raises(Unauthenticated):
            may_read_metrics(asking, settings, Authenticator(settings))
    else:
        assert may_read_metrics(asking, settings, Authenticator(settings)) is expected


def test_behind_a_proxy_this_machine_is_the_proxys_address() -> None:
    settings = jwt_settings(trusted_proxies=1)
    asking = Request(EnvironBuilder(environ_base={"REMOTE_ADDR": "127.0.0.1"}).get_environ())
    asking.environ["werkzeug.proxy_fix.orig"] = {"REMOTE_ADDR": "203.0.113.9"}
    with pytest.raises(Unauthenticated):
        may_read_metrics(asking, settings, Authenticator(settings))


def test_writes_past_the_rate_are_refused_with_the_time_to_wait() -> None:
    client = client_of(jwt_settings(rate_limit="3/hour"))
    answers = [client.post("/echo", headers=tokens.bearer("a")) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0", "0"]
    assert code_of(answers[-1]) == (429, "rate_limited")
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 3600
    assert answers[-1].headers["RateLimit-Limit"] == "3"
    assert client.post("/echo", headers=tokens.bearer("b")).status_code == 200
    assert client.post("/admin", headers=tokens.bearer("a")).status_code == 429
    assert client.get("/me", headers=tokens.bearer("a")).status_code == 200


def test_the_anonymous_are_counted_by_address() -> None:
    client = client_of(jwt_settings(rate_limit="2/hour"))
    tries = [
        client.post("/session", json={"token": "x"}, environ_base={"REMOTE_ADDR": "198.51.100.1"}) for _ in range(3)
    ]
    assert [each.status_code for each in tries] == [401, 401, 429]
    assert client.post("/session", json={"token": "x"}, environ_base={"REMOTE_ADDR": "198.51.100.2"}).status_code == 401
    sixes = [f"2001:db8::{number}" for number in range(3)]
    tries = [client.post("/session", json={"token": "x"}, environ_base={"REMOTE_ADDR": six}) for six in sixes]
    assert [each.status_code for each in tries] == [401, 401, 429]


@pytest.mark.parametrize(
    ("some", "other"),
    [
        ("::ffff:198.51.100.1", "::ffff:198.51.100.2"),
        ("198.51.100.1:4711", "198.51.100.2:4711"),
        ("[2001:db8:1::1]:4711", "[2001:db8:2::1]:4711"),
    ],
)
def test_one_address_is_not_counted_with_another_however_it_is_written(some: str, other: str) -> None:
    client = client_of(jwt_settings(rate_limit="1/hour"))
    tries = [client.post("/session", json={}, environ_base={"REMOTE_ADDR": each}) for each in (some, some, other)]
    assert [each.status_code for each in tries] == [401, 429, 401]


def test_an_address_is_the_same_with_its_port() -> None:
    written = {
        "198.51.100.1": ["198.51.100.1", "198.51.100.1:80", "::ffff:198.51.100.1", "[::ffff:198.51.100.1]:80"],
        "2001:db8::1": ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80"],
    }
    for address, forms in written.items():
        assert {str(address_of(form)) for form in forms} == {address}
    assert [address_of(form) for form in ("", "unknown", "[", "1.2.3:80", "198.51.100.1:", "a:80")] == [None] * 6


def test_signing_out_is_never_refused_and_costs_nothing() -> None:
    client = client_of(jwt_settings(rate_limit="2/hour"))
    signed_in = client.post("/session", headers=tokens.bearer())
    assert [client.delete("/session").status_code for _ in range(3)] == [204, 204, 204]
    assert [client.post("/session", json={"token": "x"}).status_code for _ in range(2)] == [401, 429]
    answer = client.delete("/session")
    assert signed_in.status_code == 200 and answer.status_code == 204 and "Max-Age=0" in answer.headers["Set-Cookie"]
