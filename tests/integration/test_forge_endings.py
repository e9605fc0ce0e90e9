"""How a generation ends when it must: ours alone, in time, and known to have ended."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import requests

from shared.domain.failures import FailureKind as Kind
from tests.demo_process import DemoForge
from tests.forge_caller import IMPATIENT, LIMITS, SOON_STOPPED, Caller, events
from worker.forge import ForgeProgress


def test_stops_our_own_generation_and_throws_its_image_away(demo: DemoForge, caller: Caller) -> None:
    demo.shut_gate(0.5)
    caller.at_progress = lambda progress: caller.reasons.put("cancelled") if progress.percent >= 50 else None
    stopped = caller.stop()
    assert (stopped.reason, stopped.stopped) == ("cancelled", True)
    assert events(demo, "interrupt", "end") == [("interrupt", "t-1"), ("end", "t-1")]
    assert caller.client.preflight().idle


def test_stops_a_generation_whose_model_still_loads(demo: DemoForge, caller: Caller) -> None:
    demo.settings(load_seconds=0.5)
    caller.at_progress = lambda _: caller.reasons.put("shutdown")
    assert caller.stop().stopped
    assert demo.wait_for("end")[0]["outcome"] == "interrupted"
    assert demo.log()["counts"]["interrupt"] == 1


def test_says_so_when_forge_does_not_stop(demo: DemoForge, caller: Caller) -> None:
    demo.fault("hang", stubborn=True)
    caller.at_progress = lambda _: caller.reasons.put("cancelled")
    stopped = caller.stop(limits=SOON_STOPPED)
    assert not stopped.stopped
    assert not caller.client.preflight().idle


def test_never_interrupts_a_generation_that_is_not_ours(demo: DemoForge, caller: Caller) -> None:
    demo.shut_gate(0.5)
    with ThreadPoolExecutor(2) as pool:
        foreign = pool.submit(requests.post, f"{demo.url}/sdapi/v1/txt2img", json={"prompt": "foreign"}, timeout=30)
        demo.wait_held()
        ours = pool.submit(caller.stop, SOON_STOPPED)
        demo.wait_for("arrive", task="t-1")
        caller.reasons.put("cancelled")
        assert not ours.result().stopped, "it waits in Forge's own queue, where nothing reaches it"
        assert events(demo, "interrupt") == []
        assert all(heard.percent == 0 and heard.job_timestamp == "" for heard in caller.heard)
        demo.open_gate()
        assert len(foreign.result().json()["images"]) == 1


def test_waits_behind_a_foreign_generation_as_long_as_that_moves(demo: DemoForge, caller: Caller) -> None:
    demo.settings(step_seconds=0.1)
    with ThreadPoolExecutor(2) as pool:
        body = {"prompt": "foreign", "steps": 30}
        foreign = pool.submit(requests.post, f"{demo.url}/sdapi/v1/txt2img", json=body, timeout=30)
        demo.wait_for("start")
        assert caller.generate(limits=replace(LIMITS, timeout_s=2)).seed == 7
        assert foreign.result().ok
    assert demo.log()["counts"].get("interrupt") is None


@pytest.mark.parametrize(("stubborn", "idle_again"), [(False, True), (True, False)])
def test_gives_up_a_silent_generation_and_ends_it(
    demo: DemoForge, caller: Caller, stubborn: bool, idle_again: bool
) -> None:
    demo.fault("hang", stubborn=stubborn)
    failure = caller.failure(limits=IMPATIENT)
    assert (failure.kind, failure.counts, failure.sent) == (Kind.TIMEOUT, True, True)
    assert failure.idle_again is idle_again
    assert events(demo, "interrupt")[0] == ("interrupt", "t-1")
    assert caller.client.preflight().idle is idle_again


def test_has_more_patience_while_a_model_loads(demo: DemoForge, caller: Caller) -> None:
    demo.settings(load_seconds=2.5)
    assert caller.generate(limits=replace(LIMITS, timeout_s=1.5)).seed == 7
    demo.order("POST", "restart")
    failure = caller.failure(limits=replace(LIMITS, load_timeout_s=0.4))
    assert failure.kind is Kind.TIMEOUT


def test_gives_up_what_moves_but_never_ends(demo: DemoForge, caller: Caller) -> None:
    demo.fault("slow", step_seconds=0.1)
    failure = caller.failure(limits=replace(LIMITS, max_s=0.5), steps=150)
    assert (failure.kind, failure.idle_again) == (Kind.TIMEOUT, True)


def test_ends_the_ghost_of_a_lost_connection(demo: DemoForge, caller: Caller) -> None:
    demo.settings(step_seconds=0.05)
    demo.fault("drop", at=0.3)
    failure = caller.failure(steps=150)
    assert (failure.kind, failure.sent, failure.idle_again) == (Kind.UNREACHABLE, True, True)
    assert events(demo, "interrupt", "end") == [("interrupt", "t-1"), ("end", "t-1")]


@pytest.mark.parametrize("status", [502, 503, 504, 524])
def test_ends_what_a_proxy_waits_for_no_longer(demo: DemoForge, caller: Caller, status: int) -> None:
    demo.settings(step_seconds=0.05)
    demo.fault("proxy", status=status, at=0.2)
    failure = caller.failure(steps=150)
    assert (failure.status, failure.counts, failure.died, failure.idle_again) == (status, True, True, True)
    assert events(demo, "interrupt", "end") == [("interrupt", "t-1"), ("end", "t-1")]


def test_works_and_stops_without_the_internal_routes(demo: DemoForge, caller: Caller) -> None:
    demo.settings(webui=False, step_seconds=0.02)
    assert caller.generate(task="t-0").seed == 7
    assert caller.heard
    demo.shut_gate(0.5)
    caller.at_progress = lambda _: caller.reasons.put("cancelled")
    assert caller.stop().stopped
    assert caller.client.active_task("t-1") is None


def test_interrupts_forge_when_a_callback_fails(demo: DemoForge, caller: Caller) -> None:
    def fall_over(_: ForgeProgress) -> None:
        raise KeyboardInterrupt

    demo.shut_gate(0.5)
    caller.at_progress = fall_over
    with pytest.raises(KeyboardInterrupt):
        caller.generate()
    assert demo.wait_for("end")[0]["outcome"] == "interrupted"


def test_never_has_two_of_our_requests_in_one_forge(demo: DemoForge, caller: Caller) -> None:
    demo.fault("hang")
    caller.failure(limits=IMPATIENT)
    demo.fault("drop", at=0.1)
    caller.failure(task="t-2")
    caller.generate(task="t-3")
    assert demo.log()["overlap"] == 0
