"""The outbox's deliveries, against real receivers."""

import base64
import hashlib
import hmac
import json
import time

from beat.webhooks import Courier
from shared.store import Store
from tests.builders import ALICE, stored_job
from tests.integration.couriers import SECRET, cancelled_job, courier_of, deliver, make_due, outbox
from tests.receiver import Received, Receiver

KEY = b"0123456789abcdef0123456789abcdef"


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
