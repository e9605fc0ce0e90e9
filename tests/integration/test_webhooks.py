"""The outbox's deliveries, against real receivers."""

import base64
import hashlib
import hmac
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from beat import webhook_call
from beat.webhooks import MOST_CALLS_PER_HOST, MOST_TRIES, Courier
from shared.domain.jobs import Job
from shared.settings import Settings
from shared.store import Store
from tests.builders import ALICE, stored_job
from tests.certificates import certificate_for
from tests.receiver import Received, Receiver, receiving
from tests.waiting import wait_for

SECRET = "an old-fashioned secret"
KEY = b"0123456789abcdef0123456789abcdef"
SOON_S = 10.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def courier(store: Store) -> Iterator[Courier]:
    yield (made := courier_of(store))
    made.finish(SOON_S)


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Have the system trust a certificate."""

    def also(certificate: Path) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        webhook_call._tls.cache_clear()

    webhook_call._tls.cache_clear()
    yield also
    webhook_call._tls.cache_clear()


def courier_of(store: Store, **settings: str) -> Courier:
    given = {"WEBHOOK_HOSTS": "127.0.0.1, localhost", "WEBHOOK_SECRET": SECRET, **settings}
    return Courier(store, Settings.from_env(given, while_up=False))


def cancelled_job(store: Store, url: str) -> Job:
    """A job that ended: its callback stands in the outbox."""
    job = stored_job(store, callback_url=url)
    return store.cancel_job(job.job_id, ALICE).job


def deliver(courier: Courier) -> None:
    courier.send_due()
    assert courier.finish(SOON_S)


def outbox(store: Store) -> list[dict[str, Any]]:
    query = "SELECT *, extract(epoch FROM next_at - clock_timestamp()) AS due_in_s FROM webhook_outbox ORDER BY id"
    with store.engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query)).mappings()]


def make_due(store: Store, **values: object) -> None:
    assignments = ", ".join(f"{name} = {value}" for name, value in {"next_at": "now()", **values}.items())
    with store.engine.begin() as connection:
        connection.execute(text(f"UPDATE webhook_outbox SET {assignments}"))


def is_signed(sent: Received, key: bytes) -> bool:
    content = f"{sent.headers['webhook-id']}.{sent.headers['webhook-timestamp']}.".encode() + sent.body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(sent.headers["webhook-signature"], f"v1,{expected}")


def test_an_ended_job_is_told_once_signed_and_whole(store: Store, courier: Courier, receiver: Receiver) -> None:
    job = cancelled_job(store, receiver.url)
    deliver(courier)
    deliver(courier)
    (sent,) = receiver.received
    assert sent.path == "/hook?from=test"
    assert sent.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert sent.headers["content-type"] == "application/json"
    assert is_signed(sent, SECRET.encode())
    assert abs(int(sent.headers["webhook-timestamp"]) - time.time()) < 60
    event = json.loads(sent.body)
    assert (event["type"], event["data"]["job_id"], event["data"]["status"]) == (
        "job.cancelled",
        job.job_id,
        "cancelled",
    )
    assert event["timestamp"].endswith("Z")
    assert outbox(store)[0]["delivered_at"]


def test_a_whsec_secret_is_base64(store: Store, receiver: Receiver) -> None:
    cancelled_job(store, receiver.url)
    deliver(courier_of(store, WEBHOOK_SECRET=f"whsec_{base64.b64encode(KEY).decode()}"))
    assert is_signed(receiver.received[0], KEY)


def test_a_job_without_callback_leaves_the_outbox_empty(store: Store) -> None:
    store.cancel_job(stored_job(store).job_id, ALICE)
    assert outbox(store) == []


def test_a_refused_callback_comes_again_later_under_the_same_id(
    store: Store, courier: Courier, receiver: Receiver
) -> None:
    cancelled_job(store, receiver.url)
    receiver.status = 503
    pauses = []
    for _ in range(3):
        make_due(store)
        deliver(courier)
        pauses.append(outbox(store)[0]["due_in_s"])
    assert 3 < pauses[0] < 7
    assert 3 * pauses[0] < 2 * pauses[1] < pauses[2]
    deliver(courier)
    assert len(receiver.received) == 3
    receiver.status = 200
    make_due(store)
    deliver(courier)
    assert len({sent.headers["webhook-id"] for sent in receiver.received}) == 1
    assert len({sent.body for sent in receiver.received}) == 1
    assert outbox(store)[0]["delivered_at"]


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


def test_a_callback_whose_courier_died_is_due_again_after_its_loan(store: Store) -> None:
    cancelled_job(store, "https://hooks.example.com/x")
    first = store.lend_callbacks(limit=5, per_host=5, loan_s=60)
    assert len(first) == 1
    assert store.lend_callbacks(limit=5, per_host=5, loan_s=60) == []
    make_due(store)
    second = store.lend_callbacks(limit=5, per_host=5, loan_s=60)
    store.callback_delivered(first[0])
    assert outbox(store)[0]["delivered_at"] is None, "the loan that ended may not settle the later one"
    store.callback_delivered(second[0])
    assert outbox(store)[0]["delivered_at"]


def test_settled_callbacks_are_forgotten_after_a_while(store: Store, courier: Courier, receiver: Receiver) -> None:
    cancelled_job(store, receiver.url)
    deliver(courier)
    assert store.forget_callbacks(older_than_days=1) == 0
    assert store.forget_callbacks(older_than_days=0) == 1
    assert outbox(store) == []


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
