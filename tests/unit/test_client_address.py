"""What is said of an address where no server of ours can be spoken with: nobody there, no TLS, no such name."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from unittest.mock import Mock

import pytest
import requests
from urllib3 import exceptions as urllib3_exceptions

from cli.client import Client
from cli.client_call import Lost, NobodyThere, Refused
from cli.ports import free_port
from tests.canned_api import JOB, CannedApi, canned_api
from tests.certificates import certificate_for


@pytest.fixture
def api() -> Iterator[CannedApi]:
    with canned_api() as api:
        yield api


def test_where_nobody_listens_a_submission_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "patiently", None)
    with pytest.raises(NobodyThere, match="make run"):
        Client(f"http://127.0.0.1:{free_port()}").submit("a fox")


def test_where_no_proxy_listens_a_submission_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "patiently", None)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(NobodyThere):
        Client("http://forgeline.invalid").submit("a fox")


def test_a_wait_over_tls_outlives_what_hangs_up_during_the_handshake() -> None:
    """So does who listens in front of a server that restarts: it takes the connection, and finds nobody behind."""
    with socket.create_server(("127.0.0.1", 0)) as front:
        threading.Thread(target=hang_up, args=(front,), daemon=True).start()
        client = Client(f"https://127.0.0.1:{front.getsockname()[1]}", patience_s=0.2)
        with pytest.raises(Lost, match="nothing answers"):
            client.wait(JOB)


@pytest.mark.parametrize("told", [ssl.SSLEOFError, ssl.SSLZeroReturnError])
def test_whatever_ssl_calls_a_hang_up_is_a_lost_answer(
    monkeypatch: pytest.MonkeyPatch, told: type[ssl.SSLError]
) -> None:
    def hung_up(*_: object, **__: object) -> NoReturn:
        raise requests.exceptions.SSLError(
            urllib3_exceptions.MaxRetryError(Mock(), "/", urllib3_exceptions.SSLError(told(8, "EOF")))
        )

    monkeypatch.setattr(requests.Session, "request", hung_up)
    with pytest.raises(Lost, match="nothing answers"):
        Client("https://forgeline.invalid", patience_s=0).job("7d9f")


def hang_up(front: socket.socket) -> None:
    """Take each connection, hear its first words, and close it."""
    with contextlib.suppress(OSError):
        while True:
            with front.accept()[0] as client:
                client.recv(1 << 16)


def test_a_server_without_tls_is_told_as_such(api: CannedApi) -> None:
    url = api.url.replace("http:", "https:")
    assert refusal_at(url) == f"{url} speaks no TLS; is http:// meant in FORGELINE_URL?"


def test_a_certificate_that_is_not_trusted_is_told_with_the_reason_alone(api: CannedApi, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate_for("localhost", tmp_path))
    with canned_api(context) as secure:
        url = f"https://localhost:{secure.server_address[1]}"
        assert refusal_at(url) == f"the certificate of {url} is not trusted: self-signed certificate"


def test_other_faults_of_tls_are_told_in_words(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without a certificate it has no cipher to offer
    with canned_api(context) as secure:
        url = f"https://localhost:{secure.server_address[1]}"
        told = refusal_at(url)
    assert told.startswith(f"no TLS can be agreed on with {url}: ") and "handshake failure" in told
    assert "(" not in told and "_" not in told


def refusal_at(url: str) -> str:
    """Return what is said of a server whose TLS is no use; it is asked once."""
    with pytest.raises(Refused) as refused:
        Client(url).submit("a fox")
    assert not isinstance(refused.value, Lost)
    return refused.value.message


def test_a_name_that_is_not_known_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):  # a proxy would be asked for the name
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", knows_nobody)
    with pytest.raises(NobodyThere) as refused:
        Client("http://forge.invalid").submit("a fox")
    why = "Name or service not known; FORGELINE_URL names another server"
    assert refused.value.message == f"the name forge.invalid is not known: {why}"


def knows_nobody(*_: object, **__: object) -> None:
    """Stand for a resolver that answers at once."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
