"""Who may come in, from where, and what every answer wears."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from api.door import Door
from shared.settings import Settings
from tests import tokens
from tests.door_app import door_app, jwt_settings

LOCAL = Settings()
EVERYWHERE = Settings(host="0.0.0.0", local_trust_network=True)


def client_of(settings: Settings = LOCAL) -> FlaskClient:
    return door_app(settings).test_client()


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


HOSTS = [
    (LOCAL, "localhost", True),
    (LOCAL, "localhost:8000", True),
    (LOCAL, "LOCALHOST.:9", True),
    (LOCAL, "127.0.0.1:1234", True),
    (LOCAL, "[::1]:8000", True),
    (LOCAL, "", False),
    (LOCAL, "evil.example", False),
    (LOCAL, "localhost.evil.example", False),
    (LOCAL, "127.0.0.1.nip.io", False),
    (LOCAL, "192.168.1.5:8000", False),
    (LOCAL, "localhost, evil.example", False),
    (LOCAL, "evil.example:80@localhost", False),
    (LOCAL, "user@localhost", False),
    (LOCAL, "localhost:99999999", False),
    (LOCAL, "local\xffhost", False),
    (LOCAL, "[::1", False),
    (EVERYWHERE, "192.168.1.5:8000", True),
    (EVERYWHERE, "[fe80::1]:8000", True),
    (EVERYWHERE, "evil.example", False),
    (Settings(allowed_hosts=("art.example",)), "art.example", True),
    (Settings(allowed_hosts=("art.example",)), "art.example:8443", True),
    (Settings(allowed_hosts=("art.example",)), "localhost", True),
    (Settings(allowed_hosts=("art.example",)), "x.art.example", False),
    (Settings(allowed_hosts=("art.example:8443",)), "art.example:8443", True),
    (Settings(allowed_hosts=("art.example:8443",)), "art.example", False),
    (Settings(allowed_hosts=("*.art.example",)), "x.art.example", True),
    (Settings(allowed_hosts=("*.art.example",)), "evilart.example", False),
    (Settings(allowed_hosts=("*.art.example",)), "x.art.example:8443", True),
    (Settings(allowed_hosts=("*.art.example:8443",)), "x.art.example:8443", True),
    (Settings(allowed_hosts=("*.art.example:8443",)), "x.art.example:8444", False),
    (Settings(allowed_hosts=("*.art.example:8443",)), "x.art.example", False),
    (Settings(allowed_hosts=("[2001:DB8::7]",)), "[2001:db8::7]:8000", True),
    (Settings(allowed_hosts=("2001:db8::7",)), "[2001:db8::7]", True),
    (Settings(allowed_hosts=("[2001:db8::7]:8000",)), "[2001:db8::7]:8000", True),
    (Settings(allowed_hosts=("[2001:db8::7]:8000",)), "[2001:db8::7]:9000", False),
    (Settings(allowed_hosts=("[2001:db8::7]:8000",)), "[2001:db8::7:8000]", False),
    (Settings(allowed_hosts=("*",)), "anything.example", True),
    (jwt_settings(host="0.0.0.0", allowed_hosts=("art.example",)), "10.0.0.1", False),
    (jwt_settings(host="10.0.0.1"), "10.0.0.1:8000", True),
]


@pytest.mark.parametrize(
    ("settings", "host", "known"), HOSTS, ids=[f"{s.host} {s.allowed_hosts} {h}" for s, h, _ in HOSTS]
)
def test_a_foreign_host_is_turned_away(settings: Settings, host: str, known: bool) -> None:
    assert Door(settings).knows_host(host) is known


@pytest.mark.parametrize("path", ["/", "/me", "/ws", "/nothing", "/session", "/openapi.json"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_host_gets_421_everywhere(path: str, method: str) -> None:
    answer = client_of().open(path, method=method, headers={"Host": "rebound.example"})
    assert code_of(answer) == (421, "forbidden")
    assert "rebound.example" not in str(answer.headers)


ORIGINS = [
    (None, True),
    ("http://localhost:8000", True),
    ("https://localhost:8000", True),
    ("http://LOCALHOST:8000", True),
    ("http://localhost:3000", False),
    ("http://localhost", False),
    ("http://evil.example", False),
    ("https://localhost:8000.evil.example", False),
    ("http://localhost:8000@evil.example", False),
    ("null", False),
    ("", False),
    ("file://", False),
    ("chrome-extension://abcdef", False),
    ("http://[::1", False),
    ("//localhost:8000", False),
]


@pytest.mark.parametrize(("origin", "welcome"), ORIGINS, ids=[str(origin) for origin, _ in ORIGINS])
@pytest.mark.parametrize(("method", "path"), [("POST", "/echo"), ("DELETE", "/session"), ("GET", "/ws")])
def test_a_foreign_origin_may_not_write_or_open_the_socket(
    origin: str | None, welcome: bool, method: str, path: str
) -> None:
    headers = {"Host": "localhost:8000"} | ({} if origin is None else {"Origin": origin})
    answer = client_of().open(path, method=method, headers=headers)
    if welcome:
        assert answer.status_code < 300
    else:
        assert code_of(answer) == (403, "forbidden")


def test_a_foreign_origin_may_read_nothing_it_can_use() -> None:
    answer = client_of().get("/me", headers={"Origin": "http://evil.example"})
    assert not any(name.lower().startswith("access-control") for name, _ in answer.headers)
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_default_port_is_no_part_of_an_origin() -> None:
    door = Door(Settings(allowed_hosts=("art.example",)))
    for host, origin in (("art.example", "https://art.example"), ("art.example:443", "https://art.example")):
        asking = Request(EnvironBuilder(method="POST", headers=Headers({"Host": host, "Origin": origin})).get_environ())
        assert door.refusal(asking) is None


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "odd"}, True),
    ],
    ids=repr,
)
def test_what_a_browser_sends_by_itself_is_no_consent(headers: dict[str, str], refused: bool) -> None:
    with_cookie = client_of(jwt_settings())
    with_cookie.post("/session", headers=tokens.bearer())
    for client in (with_cookie, client_of(LOCAL)):
        answer = client.post("/echo", headers=headers)
        assert (code_of(answer) == (403, "csrf_refused")) if refused else answer.status_code == 200
        assert client.get("/me", headers=headers).status_code == 200
    with_token = client_of(jwt_settings()).post("/echo", headers=headers | tokens.bearer())
    assert with_token.status_code == 200


def test_nobody_comes_in_without_a_token() -> None:
    client = client_of(jwt_settings())
    for method, path in (
        ("GET", "/me"),
        ("POST", "/echo"),
        ("GET", "/nothing"),
        ("OPTIONS", "/echo"),
        ("POST", "/image/generate"),
    ):
        answer = client.open(path, method=method)
        assert code_of(answer) == (401, "unauthenticated")
    for path in ("/", "/openapi.json", "/docs", "/ws"):
        assert client.get(path).status_code == 200


def test_an_admins_route_is_for_admins() -> None:
    client = client_of(jwt_settings())
    assert code_of(client.post("/admin", headers=tokens.bearer(roles=["user"]))) == (403, "forbidden")
    assert client.post("/admin", headers=tokens.bearer(roles=["admin"])).status_code == 200


def test_every_answer_wears_the_same_headers() -> None:
    client = client_of(jwt_settings())
    for answer in (
        client.get("/"),
        client.get("/me"),
        client.get("/nothing"),
        client.post("/echo", headers={"Host": "x.y"}),
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert "Strict-Transport-Security" not in answer.headers
        assert len(answer.headers["X-Request-Id"]) == 32
    assert client.get("/", base_url="https://localhost").headers["Strict-Transport-Security"] == "max-age=31536000"


def test_the_policy_names_the_sockets_address_for_old_browsers() -> None:
    policy = client_of().get("/", base_url="http://localhost:8000").headers["Content-Security-Policy"]
    assert "connect-src 'self' ws://localhost:8000;" in policy


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("abc-DEF_1.2", True), ("x" * 65, False), ("a b", False), ("a\x7f", False), ("", False), ("<x>", False)],
)
def test_a_sane_request_id_is_kept(sent: str, kept: bool) -> None:
    answered = client_of().get("/", headers={"X-Request-Id": sent}).headers["X-Request-Id"]
    assert (answered == sent) is kept and answered


def test_other_origins_are_answered_only_where_listed() -> None:
    settings = jwt_settings(allowed_origins=("https://app.example",))
    client = client_of(settings)
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    preflight = client.options("/echo", headers=ask | {"Origin": "https://app.example"})
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    foreign = client.options("/echo", headers=ask | {"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in foreign.headers and "Origin" in foreign.headers["Vary"]
    written = client.post(
        "/echo", headers=tokens.bearer() | {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    )
    assert written.status_code == 200 and written.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Location" in written.headers["Access-Control-Expose-Headers"]
    assert "Origin" in client.get("/").headers["Vary"]
    assert client.get("/ws", headers={"Origin": "https://app.example"}).status_code == 200


def test_forwarded_headers_count_only_behind_a_trusted_proxy() -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "art.example", "X-Forwarded-For": "203.0.113.9"}
    alone = Settings(allowed_hosts=("art.example",))
    assert "Strict-Transport-Security" not in client_of(alone).get("/", headers=forwarded).headers
    behind = Settings(allowed_hosts=("art.example",), trusted_proxies=1)
    answer = client_of(behind).get("/", headers=forwarded)
    assert answer.status_code == 200 and "Strict-Transport-Security" in answer.headers
    rebound = forwarded | {"X-Forwarded-Host": "evil.example"}
    assert client_of(behind).get("/", headers=rebound).status_code == 421
