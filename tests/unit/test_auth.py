"""Who asks, and whose token is believed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from api.auth import Authenticator, is_public
from shared.domain.errors import ForgelineError
from shared.domain.identity import LOCAL_IDENTITY
from shared.public_key import read_public_key
from shared.setting_faults import SettingsError
from shared.settings import Settings
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
    assert (identity.user_id, identity.username, set(identity.roles)) == ("42", "alice", {"admin", "x"})
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
    with pytest.raises(ValueError, match=r"PEM|RSA"):
        read_public_key(text)
    if text:
        with pytest.raises(SettingsError, match="JWT_PUBLIC_KEY"):
            Settings.from_env({"AUTH_MODE": "jwt", "JWT_PUBLIC_KEY": text}, while_up=False)


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
