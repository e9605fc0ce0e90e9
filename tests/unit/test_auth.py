"""Who asks, and whose token is believed."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.jwk_set_cache import JWKSetCache

from api.auth import SECURE_SESSION_COOKIE, SESSION_COOKIE, Authenticator, is_public
from api.auth_keys import KeySet, read_public_key
from shared.domain.errors import ForgelineError, QueueUnavailable, Unauthenticated
from shared.domain.identity import LOCAL_IDENTITY
from shared.settings import Settings, SettingsError
from tests import tokens
from tests.door_app import door_app, jwt_settings

STRICT = {"jwt_audience": tokens.AUDIENCE, "jwt_issuer": tokens.ISSUER}


def refused(authenticator: Authenticator, token: str) -> str:
    """Return the code a token is refused with."""
    with pytest.raises(ForgelineError) as error:
        authenticator.from_token(token)
    return error.value.code.value


def test_local_mode_knows_one_user_and_asks_for_nothing() -> None:
    authenticator = Authenticator(Settings())
    assert authenticator.from_token("anything") == LOCAL_IDENTITY
    answer = door_app(Settings()).test_client().get("/me")
    assert answer.get_json() == {"user_id": "local", "username": "local", "roles": ["admin"], "auth_mode": "local"}


def test_a_good_token_says_who_it_is() -> None:
    ends = datetime.now(UTC) + timedelta(minutes=10)
    token = tokens.token("42", preferred_username="alice", roles=["admin", "x"], exp=ends)
    identity = Authenticator(jwt_settings()).from_token(token)
    assert (identity.user_id, identity.username, identity.roles) == ("42", "alice", {"admin", "x"})
    assert identity.expires_at == ends.replace(microsecond=0)
    assert identity.members == {"id:42", "name:alice"}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"user": 42}, ("42", None, set())),
        ({"roles": "admin"}, ("alice", None, set())),
        ({"roles": [["admin"], 1, None, "x"]}, ("alice", None, {"x"})),
        ({"roles": {"admin": True}}, ("alice", None, set())),
        ({"preferred_username": 7}, ("alice", None, set())),
        ({"preferred_username": "a\nb"}, ("alice", None, set())),
        ({"preferred_username": "Ayşe"}, ("alice", "Ayşe", set())),
    ],
    ids=repr,
)
def test_odd_claims_grant_nothing(more: dict[str, Any], expected: tuple[str, str | None, set[str]]) -> None:
    identity = Authenticator(jwt_settings()).from_token(tokens.token(**more))
    assert (identity.user_id, identity.username, set(identity.roles)) == expected


def test_a_token_without_an_end_is_taken_and_does_not_end() -> None:
    assert Authenticator(jwt_settings()).from_token(tokens.token(ends_in_s=None)).expires_at is None


@pytest.mark.parametrize("name", tokens.forgeries())
def test_a_forgery_is_refused(name: str) -> None:
    assert refused(Authenticator(jwt_settings(**STRICT)), tokens.forgeries()[name]) == "unauthenticated"


def test_the_token_the_forgeries_imitate_is_taken() -> None:
    authenticator = Authenticator(jwt_settings(**STRICT))
    assert authenticator.from_token(tokens.token(aud=tokens.AUDIENCE, iss=tokens.ISSUER)).user_id == "alice"


@pytest.mark.parametrize(
    ("key", "algorithm"), [(tokens.rsa_key(), "RS256"), (tokens.ec_key(), "ES256")], ids=["RSA", "EC"]
)
def test_a_public_key_checks_its_own_algorithm_only(key: Any, algorithm: str) -> None:
    pem = tokens.pem_of(key)
    authenticator = Authenticator(Settings(auth_mode="jwt", jwt_public_key=pem.replace("\n", "\\n")))
    assert authenticator.from_token(jwt.encode(tokens.claims(), key, algorithm)).user_id == "alice"
    for forged in (
        tokens.raw({"alg": "HS256"}, tokens.claims(), pem.encode()),
        tokens.raw({"alg": "none"}, tokens.claims()),
        jwt.encode(
            tokens.claims(),
            tokens.ec_key() if algorithm == "RS256" else tokens.rsa_key(),
            "ES256" if algorithm == "RS256" else "RS256",
        ),
        jwt.encode(tokens.claims(), rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256"),
        tokens.token(),
    ):
        assert refused(authenticator, forged) == "unauthenticated"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "/no/such/file",
        "ş",
        tokens.pem_of(ec.generate_private_key(ec.SECP384R1())),
    ],
    ids=["empty", "text", "broken", "no file", "not ASCII", "P-384"],
)
def test_a_key_that_cannot_be_used_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="JWT_PUBLIC_KEY"):
        read_public_key(text)


class KeyServer(ThreadingHTTPServer):
    """Serves a key set, counts how often, and can be told to fail."""

    def __init__(self) -> None:
        self.asked = 0
        self.failing = False
        self.keys: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _KeyHandler)

    @property
    def url(self) -> str:
        """Where the key set is."""
        return f"http://127.0.0.1:{self.server_port}/keys"


class _KeyHandler(BaseHTTPRequestHandler):
    server: KeyServer

    def do_GET(self) -> None:
        self.server.asked += 1
        body = json.dumps({"keys": self.server.keys}).encode()
        self.send_response(503 if self.server.failing else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    server = KeyServer()
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(tokens.rsa_key().public_key()))
    shared = {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": "shared", "alg": "HS256"}
    server.keys = [public | {"kid": "one", "use": "sig"}, shared]
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def signed(key_id: str | None = "one") -> str:
    headers = {} if key_id is None else {"kid": key_id}
    return jwt.encode(tokens.claims(), tokens.rsa_key(), "RS256", headers=headers)


def test_a_key_set_is_read_once_for_many_tokens(key_server: KeyServer) -> None:
    authenticator = Authenticator(Settings(auth_mode="jwt", jwt_jwks_url=key_server.url))
    assert {authenticator.from_token(signed()).user_id for _ in range(5)} == {"alice"}
    assert key_server.asked == 1


def test_unknown_keys_do_not_make_us_ask_again_and_again(key_server: KeyServer) -> None:
    authenticator = Authenticator(Settings(auth_mode="jwt", jwt_jwks_url=key_server.url))
    assert {refused(authenticator, signed(f"guess-{number}")) for number in range(20)} == {"unauthenticated"}
    assert key_server.asked <= 2


@pytest.mark.parametrize("key_id", ["shared", None], ids=["a secret in the set", "no key named"])
def test_a_key_set_checks_public_keys_only(key_server: KeyServer, key_id: str | None) -> None:
    authenticator = Authenticator(Settings(auth_mode="jwt", jwt_jwks_url=key_server.url))
    secret = b"secret-secret-secret-secret-secret"
    headers = {"alg": "HS256"} | ({"kid": key_id} if key_id else {})
    assert refused(authenticator, tokens.raw(headers, tokens.claims(), secret)) == "unauthenticated"
    assert refused(authenticator, signed(key_id)) == "unauthenticated"


def test_an_outage_of_the_key_set_keeps_known_keys_for_an_hour(key_server: KeyServer) -> None:
    clock = Clock()
    keys = KeySet(key_server.url, now=clock)
    known = keys.key_for("one", "RS256")
    keys._client.jwk_set_cache = JWKSetCache(300)  # as if its five minutes were over
    key_server.failing = True
    assert keys.key_for("one", "RS256") == known
    asked = key_server.asked
    assert keys.key_for("one", "RS256") == known and key_server.asked == asked
    with pytest.raises(QueueUnavailable):
        keys.key_for("two", "RS256")
    clock.now += 3700
    with pytest.raises(QueueUnavailable):
        keys.key_for("one", "RS256")
    key_server.failing = False
    clock.now += 11
    assert keys.key_for("one", "RS256").key_id == "one"


def test_a_bad_answer_of_the_key_set_is_no_key(key_server: KeyServer) -> None:
    key_server.keys = []
    with pytest.raises(Unauthenticated):
        KeySet(key_server.url).key_for("one", "RS256")


def test_public_paths_are_the_contracts() -> None:
    for path in (
        "/",
        "/assets/x.js",
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/docs",
        "/images/placeholder.svg",
        "/session",
    ):
        assert is_public(path)
    for path in (
        "/me",
        "/image/jobs",
        "/images/flux_x.png",
        "/conversations",
        "/assets",
        "//",
        "/docs/",
        "/queue/pause",
    ):
        assert not is_public(path)


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
        ({"json": {}}, 422),
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
