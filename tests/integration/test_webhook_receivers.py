"""Receivers of callbacks as they are: gone, hanging, dripping, behind several addresses, with a certificate."""

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from beat import webhook_call
from beat.webhooks import MOST_CALLS_PER_HOST, MOST_TRIES, Courier
from shared.store import Store
from tests.certificates import certificate_for
from tests.integration.couriers import SOON_S, cancelled_job, deliver, make_due, outbox
from tests.receiver import Receiver, receiving
from tests.waiting import wait_for


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Have the system trust a certificate."""

    def also(certificate: Path) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        webhook_call._tls.cache_clear()

    webhook_call._tls.cache_clear()
    yield also
    webhook_call._tls.cache_clear()


def test_a_dead_receiver_leaves_the_job_alone_and_is_given_up_in_the_end(store: Store, courier: Courier) -> None:
    with receiving() as gone:
        url = gone.url
    job = cancelled_job(store, url)
    deliver(courier)
    assert store.job(job.job_id) == job
    make_due(store, tries=MOST_TRIES - 1)
    with capture_logs() as lines:
        deliver(courier)
    assert outbox(store)[0]["given_up_at"]
    assert [(line["event"], line["job_id"]) for line in lines] == [("callback given up", job.job_id)]
    make_due(store)
    assert courier.send_due() == 0


def test_a_receiver_that_is_gone_for_good_is_not_asked_again(
    store: Store, courier: Courier, receiver: Receiver
) -> None:
    cancelled_job(store, receiver.url)
    receiver.status = 410
    deliver(courier)
    assert outbox(store)[0]["given_up_at"]


def test_a_redirect_is_not_followed(store: Store, courier: Courier, receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.status, receiver.location = 307, elsewhere.url
        cancelled_job(store, receiver.url)
        deliver(courier)
        assert elsewhere.received == []
    assert outbox(store)[0]["delivered_at"] is None


def test_a_hanging_receiver_holds_up_nobody(store: Store, courier: Courier, receiver: Receiver) -> None:
    with receiving() as hanging:
        hanging.hangs = True
        for _ in range(3 * MOST_CALLS_PER_HOST):
            cancelled_job(store, hanging.url)
        cancelled_job(store, receiver.url)
        began = time.monotonic()
        courier.send_due()
        courier.send_due()
        assert time.monotonic() - began < webhook_call.WHOLE_S / 2
        wait_for(lambda: receiver.received)
        assert len(hanging.received) <= MOST_CALLS_PER_HOST
        hanging.let_go.set()
        assert courier.finish(SOON_S)


def test_a_receiver_that_takes_them_is_sent_all_that_is_due_without_waiting_for_the_clock(
    store: Store, courier: Courier, receiver: Receiver
) -> None:
    jobs = {cancelled_job(store, receiver.url).job_id for _ in range(5 * MOST_CALLS_PER_HOST)}
    deliver(courier)
    assert {json.loads(sent.body)["data"]["job_id"] for sent in receiver.received} == jobs
    assert len(receiver.received) == len(jobs)


def test_a_receiver_that_refuses_is_sent_no_more_than_the_clock_asks_for(
    store: Store, courier: Courier, receiver: Receiver
) -> None:
    receiver.status = 503
    for _ in range(5 * MOST_CALLS_PER_HOST):
        cancelled_job(store, receiver.url)
    deliver(courier)
    assert len(receiver.received) == MOST_CALLS_PER_HOST


def test_an_address_without_a_path_is_no_host_of_its_own(store: Store, courier: Courier) -> None:
    with receiving() as hanging:
        hanging.hangs = True
        for number in range(3 * MOST_CALLS_PER_HOST):
            cancelled_job(store, f"http://127.0.0.1:{hanging.port}?job={number}")
        courier.send_due()
        courier.send_due()
        wait_for(lambda: len(hanging.received) >= MOST_CALLS_PER_HOST)
        assert [row["tries"] for row in outbox(store)].count(1) == MOST_CALLS_PER_HOST
        hanging.let_go.set()
        assert courier.finish(SOON_S)


def test_a_host_may_be_an_address_of_ipv6_that_ends_in_letters(receiver: Receiver) -> None:
    url = f"http://[fd00::abcd]:{receiver.port}/hook"
    assert webhook_call.call(url, [("127.0.0.1", receiver.port)], b"{}", {}) == receiver.status
    assert receiver.received[0].headers["host"] == f"[fd00::abcd]:{receiver.port}"


def test_a_receiver_is_found_behind_any_address_of_its_name(
    store: Store, courier: Courier, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo

    def found(host: str, *asked: Any, **more: Any) -> list[Any]:
        addresses = ("::1", "127.0.0.2", "127.0.0.1") if host == "localhost" else (host,)
        return [entry for address in addresses for entry in look_up(address, *asked, **more)]

    cancelled_job(store, f"http://localhost:{receiver.port}/hook")
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", found)  # machines differ in what `localhost` leads to
        deliver(courier)
    assert [sent.path for sent in receiver.received] == ["/hook"]


def test_a_receiver_that_drips_is_cut(
    store: Store, courier: Courier, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_call, "WHOLE_S", 0.3)  # the bound is seconds, the test is not
    receiver.hangs = True
    cancelled_job(store, receiver.url)
    began = time.monotonic()
    deliver(courier)
    assert time.monotonic() - began < 10
    assert outbox(store)[0]["delivered_at"] is None


@pytest.mark.parametrize(("named", "taken"), [("localhost", True), ("elsewhere.example", False)])
def test_a_certificate_must_be_trusted_and_name_the_host(
    store: Store, courier: Courier, trust: Callable[[Path], None], *, tmp_path: Path, named: str, taken: bool
) -> None:
    certificate, key = certificate_for(named, tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with receiving(context) as server:
        cancelled_job(store, f"https://localhost:{server.port}/")
        deliver(courier)
        assert server.received == [], "nobody trusts it yet"
        trust(certificate)
        make_due(store)
        deliver(courier)
        assert bool(server.received) is taken
