"""A key set at an address: cached, and outlived."""

import json
import socket
import struct
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
from jwt.jwk_set_cache import JWKSetCache

from api.auth import Authenticator
from api.auth_keys import KeySet
from shared.domain.errors import QueueUnavailable, Unauthenticated
from shared.settings import Settings
from tests import tokens


def refused(authenticator: Authenticator, token: str) -> str:
    """Return the code a token is refused with."""
    with pytest.raises(Unauthenticated) as error:
        authenticator.from_token(token)
    return error.value.code.value


class KeyServer(ThreadingHTTPServer):
    """Serves a key set, counts how often, and can be told to fail."""

    def __init__(self) -> None:
        self.asked = 0
        self.failing = False
        #: what is answered in the place of the key set
        self.instead: bytes | None = None
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
        body = self.server.instead or json.dumps({"keys": self.server.keys}).encode()
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


@pytest.mark.parametrize("instead", [b"<h1>Back soon</h1>", b"\xff\xfe", b'{"keys": ['], ids=repr)
def test_a_page_in_the_place_of_the_key_set_signs_nobody_out(key_server: KeyServer, instead: bytes) -> None:
    keys = KeySet(key_server.url)
    known = keys.key_for("one", "RS256")
    keys._client.jwk_set_cache = JWKSetCache(300)  # as if its five minutes were over
    key_server.instead = instead
    assert keys.key_for("one", "RS256") == known
    with pytest.raises(QueueUnavailable):
        keys.key_for("two", "RS256")


def test_a_key_set_whose_connection_is_cut_signs_nobody_out() -> None:
    """The head came, then a reset."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=cut_off, args=(listener,))
        thread.start()
        with pytest.raises(QueueUnavailable):
            KeySet(f"http://127.0.0.1:{listener.getsockname()[1]}/keys").key_for("one", "RS256")
        thread.join()


def cut_off(listener: socket.socket) -> None:
    """Answer one request with a head, and reset the connection."""
    client, _ = listener.accept()
    with client:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_bad_answer_of_the_key_set_is_no_key(key_server: KeyServer) -> None:
    key_server.keys = []
    with pytest.raises(Unauthenticated):
        KeySet(key_server.url).key_for("one", "RS256")
