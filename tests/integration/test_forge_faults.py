"""Every fault of Forge's becomes one of ours."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.domain.failures import FailureKind as Kind
from tests.demo_process import DemoForge
from tests.forge_caller import Caller
from worker.forge import ForgeClient, ForgeFailure


def test_knows_that_forge_died_during_our_own_generation() -> None:
    with DemoForge() as demo, ThreadPoolExecutor(1) as pool:
        demo.shut_gate(0.5)
        caller = Caller(demo)
        running = pool.submit(caller.failure)
        demo.wait_held()
        demo.kill()
        failure = running.result(timeout=10)
    assert (failure.kind, failure.counts, failure.sent, failure.died) == (Kind.UNREACHABLE, True, True, True)


def test_knows_that_nothing_was_sent_to_a_forge_that_refuses() -> None:
    with DemoForge() as demo:
        caller = Caller(demo)
    failure = caller.failure()
    assert (failure.kind, failure.counts, failure.gone) == (Kind.UNREACHABLE, True, True)
    assert not failure.sent
    assert not failure.died
    assert caller.client.wait_idle(5) is False
    with pytest.raises(ForgeFailure):
        caller.client.preflight()


@pytest.mark.parametrize(
    ("fault", "kind", "counts"),
    [
        ({"kind": "status"}, Kind.SERVER_ERROR, True),
        ({"kind": "status", "status": 502}, Kind.UNREACHABLE, True),
        ({"kind": "oom"}, Kind.OUT_OF_MEMORY, False),
        ({"kind": "type_error"}, Kind.REJECTED, False),
        ({"kind": "cuda"}, Kind.POISONED, True),
        ({"kind": "poisoned"}, Kind.POISONED, True),
        ({"kind": "bad_model"}, Kind.POISONED, True),
        ({"kind": "unauthorized"}, Kind.UNAUTHORIZED, False),
        ({"kind": "not_found"}, Kind.UNREACHABLE, True),
        ({"kind": "empty"}, Kind.BAD_IMAGE, False),
        ({"kind": "truncated"}, Kind.BAD_IMAGE, False),
        ({"kind": "wrong_size"}, Kind.BAD_IMAGE, False),
        ({"kind": "not_image"}, Kind.BAD_IMAGE, False),
        ({"kind": "not_json"}, Kind.BAD_IMAGE, False),
        ({"kind": "huge"}, Kind.BAD_IMAGE, False),
    ],
    ids=lambda value: str(value.get("status") or value["kind"]) if isinstance(value, dict) else None,
)
def test_makes_each_fault_ours(
    demo: DemoForge, caller: Caller, fault: dict[str, str], kind: Kind, counts: bool
) -> None:
    demo.fault(**fault)
    failure = caller.failure()
    assert (failure.kind, failure.counts, failure.idle_again) == (kind, counts, True)
    assert caller.client.preflight().idle


@pytest.mark.parametrize("status", [502, 503])
def test_does_not_wait_for_a_forge_that_a_proxy_never_reached(demo: DemoForge, caller: Caller, status: int) -> None:
    demo.fault("status", status=status, where="all", times=0)
    failure = caller.failure()
    assert (failure.kind, failure.counts, failure.sent) == (Kind.UNREACHABLE, True, True)
    assert (failure.idle_again, failure.died) == (True, False)


@pytest.mark.parametrize("kind", ["data_uri", "jpeg", "webp", "black"])
def test_takes_an_odd_but_whole_image(demo: DemoForge, caller: Caller, kind: str) -> None:
    demo.fault(kind)
    assert caller.generate().width == 128


def test_refuses_another_model_than_the_one_asked(demo: DemoForge, caller: Caller) -> None:
    assert caller.failure(model="no-such-model").kind is Kind.MODEL_NOT_FOUND
    assert demo.log()["entries"] == [], "known without a generation"
    demo.fault("wrong_model")
    assert caller.failure(model="demo-flux").kind is Kind.MODEL_NOT_FOUND


def test_shows_its_password_on_every_call(demo: DemoForge) -> None:
    demo.settings(auth="me:se:cret")
    assert Caller(demo, auth="me:se:cret").generate().seed == 7
    with pytest.raises(ForgeFailure) as caught:
        Caller(demo).client.preflight()
    assert caught.value.kind is Kind.UNAUTHORIZED


def test_asks_no_proxy(demo: DemoForge, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert caller.client.preflight().idle


def test_sees_at_the_preflight_who_works_there(demo: DemoForge, caller: Caller) -> None:
    demo.shut_gate(0.5)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(caller.generate)
        demo.wait_held()
        state = caller.client.preflight()
        assert (state.idle, state.demo, len(state.job_timestamp)) == (False, True, 14)
        assert caller.client.active_task("t-1") is True
        assert caller.client.active_task("t-2") is False
        assert caller.client.wait_idle(0.2) is False
        waiting = threading.Thread(target=demo.open_gate)
        waiting.start()
        assert caller.client.wait_idle(10) is True
        waiting.join()
        running.result()


def test_counts_a_preflight_without_answer(demo: DemoForge, caller: Caller) -> None:
    demo.fault("mute", where="all")
    client = ForgeClient(demo.url, control_timeout_s=0.3)
    with pytest.raises(ForgeFailure) as caught:
        client.preflight()
    demo.order("DELETE", "faults")
    assert (caught.value.kind, caught.value.counts, caught.value.sent) == (Kind.UNREACHABLE, True, False)
