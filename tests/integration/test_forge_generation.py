"""One generation against the real stand-in: what comes back, and how it ends when it must."""

from __future__ import annotations

import io
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests
from PIL import Image

from shared.domain.failures import FailureKind as Kind
from shared.domain.params import GenerationParams
from tests.demo_process import DemoForge
from worker.forge import (
    ForgeClient,
    ForgeFailure,
    ForgeProgress,
    GeneratedImage,
    GenerationStopped,
    Limits,
    generate_image_via_forge,
)

PARAMS = GenerationParams(prompt="gün batımında İstanbul", width=128, height=64, steps=10, seed=7)
LIMITS = Limits(timeout_s=10, load_timeout_s=10, max_s=20, poll_s=0.05, stop_s=5)
#: For what never ends by itself.
IMPATIENT = replace(LIMITS, timeout_s=0.4, stop_s=0.6)


@pytest.fixture(scope="module")
def process() -> Iterator[DemoForge]:
    with DemoForge() as demo:
        yield demo


@pytest.fixture
def demo(process: DemoForge) -> DemoForge:
    process.reset()
    return process


class Caller:
    """Someone who has one image rendered, hears its progress and may want it stopped."""

    def __init__(self, demo: DemoForge, **client: str) -> None:
        self.client = ForgeClient(demo.url, control_timeout_s=2, **client)  # type: ignore[arg-type]
        self.heard: list[ForgeProgress] = []
        self.reasons: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.at_progress: Callable[[ForgeProgress], None] = lambda _: None

    def generate(self, task: str = "t-1", limits: Limits = LIMITS, **params: Any) -> GeneratedImage:
        return generate_image_via_forge(
            self.client,
            PARAMS.model_copy(update=params),
            task_id=task,
            on_progress=self._hear,
            should_stop=self._reason,
            limits=limits,
            previews=lambda: True,
        )

    def failure(self, limits: Limits = LIMITS, task: str = "t-1", **params: Any) -> ForgeFailure:
        with pytest.raises(ForgeFailure) as caught:
            self.generate(task, limits, **params)
        return caught.value

    def stop(self, limits: Limits = LIMITS) -> GenerationStopped:
        with pytest.raises(GenerationStopped) as caught:
            self.generate(limits=limits)
        return caught.value

    def _hear(self, progress: ForgeProgress) -> None:
        self.heard.append(progress)
        self.at_progress(progress)

    def _reason(self) -> str | None:
        return None if self.reasons.empty() else self.reasons.get()


@pytest.fixture
def caller(demo: DemoForge) -> Caller:
    return Caller(demo)


def events(demo: DemoForge, *kinds: str) -> list[tuple[str, str | None]]:
    return [(entry["event"], entry["task"]) for entry in demo.log()["entries"] if entry["event"] in kinds]


def test_returns_the_image_and_names_everything_in_its_request(demo: DemoForge, caller: Caller) -> None:
    image = caller.generate(task="job-1-1", model="demo-sdxl")
    with Image.open(io.BytesIO(image.png)) as picture:
        assert picture.size == (image.width, image.height) == (128, 64)
    assert (image.seed, image.sampler_name, image.model) == (7, "Euler", "demo-sdxl")
    (arrival,) = demo.wait_for("arrive", task="job-1-1")
    assert (arrival["prompt"], arrival["seed"]) == ("gün batımında İstanbul", 7)
    assert arrival["request"] == {
        "negative_prompt": "",
        "steps": 10,
        "width": 128,
        "height": 64,
        "cfg_scale": 1.0,
        "distilled_cfg_scale": 3.5,
        "sampler_name": "Euler",
        "scheduler": "Simple",
        "batch_size": 1,
        "n_iter": 1,
        "send_images": True,
        "save_images": False,
        "override_settings": {"sd_model_checkpoint": "demo-sdxl"},
    }


def test_draws_the_seed_itself(demo: DemoForge, caller: Caller) -> None:
    seeds = {caller.generate(task=f"t-{number}", seed=-1).seed for number in range(3)}
    assert len(seeds) == 3
    assert seeds == {entry["seed"] for entry in demo.wait_for("arrive", count=3)}


def test_sends_the_operators_settings_with_every_request(demo: DemoForge) -> None:
    client = ForgeClient(demo.url, override_settings={"forge_additional_modules": ["ae.safetensors"]})
    generate_image_via_forge(
        client, PARAMS, task_id="t", on_progress=lambda _: None, should_stop=lambda: None, limits=LIMITS
    )
    (arrival,) = demo.wait_for("arrive")
    assert arrival["request"]["override_settings"] == {"forge_additional_modules": ["ae.safetensors"]}


def test_hears_progress_that_rises_with_previews(demo: DemoForge, caller: Caller) -> None:
    demo.settings(step_seconds=0.06, payload="painted", load_seconds=0.3)
    caller.generate()
    percents = [progress.percent for progress in caller.heard]
    assert percents == sorted(percents)
    assert percents[0] == 0
    assert 70 <= percents[-1] <= 99
    assert caller.heard[0].stage == "loading"
    assert {progress.stage for progress in caller.heard} == {"loading", "sampling"}
    assert caller.heard[-1].steps == 10
    assert caller.heard[-1].eta_s is not None
    previews = [progress.preview for progress in caller.heard if progress.preview]
    with Image.open(io.BytesIO(previews[-1])) as preview:
        assert preview.format == "JPEG"
    assert all(progress.job_timestamp for progress in caller.heard)


def test_takes_the_answer_at_once_not_at_the_next_poll(demo: DemoForge, caller: Caller) -> None:
    demo.settings(step_seconds=0.02)
    began = time.monotonic()
    caller.generate(limits=replace(LIMITS, poll_s=30))
    assert time.monotonic() - began < 5
    assert caller.heard, "the first poll is early"


def test_is_not_held_up_by_a_poll_that_hangs(demo: DemoForge, caller: Caller) -> None:
    demo.shut_gate(0.5)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(caller.generate, limits=replace(LIMITS, poll_s=0.2))
        demo.wait_held()
        demo.fault("mute", where="all")
        demo.order("GET", "log?wait=0.5&event=never")
        demo.open_gate()
        assert running.result(timeout=1.5).seed == 7
    demo.order("DELETE", "faults")


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
    stopped = caller.stop(limits=IMPATIENT)
    assert not stopped.stopped
    assert not caller.client.preflight().idle


def test_never_interrupts_a_generation_that_is_not_ours(demo: DemoForge, caller: Caller) -> None:
    demo.shut_gate(0.5)
    with ThreadPoolExecutor(2) as pool:
        foreign = pool.submit(requests.post, f"{demo.url}/sdapi/v1/txt2img", json={"prompt": "foreign"}, timeout=30)
        demo.wait_held()
        ours = pool.submit(caller.stop, IMPATIENT)
        demo.wait_for("arrive", task="t-1")
        caller.reasons.put("cancelled")
        assert not ours.result().stopped, "it waits in Forge's own queue, where nothing reaches it"
        assert events(demo, "interrupt") == []
        assert all(heard.percent == 0 and heard.job_timestamp == "" for heard in caller.heard)
        demo.open_gate()
        assert len(foreign.result().json()["images"]) == 1


def test_waits_behind_a_foreign_generation_as_long_as_that_moves(demo: DemoForge, caller: Caller) -> None:
    demo.settings(step_seconds=0.05)
    with ThreadPoolExecutor(2) as pool:
        body = {"prompt": "foreign", "steps": 30}
        foreign = pool.submit(requests.post, f"{demo.url}/sdapi/v1/txt2img", json=body, timeout=30)
        demo.wait_for("start")
        assert caller.generate(limits=IMPATIENT).seed == 7
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
    demo.settings(load_seconds=1.0)
    assert caller.generate(limits=replace(LIMITS, timeout_s=0.4)).seed == 7
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


@pytest.mark.parametrize("kind", ["data_uri", "jpeg", "webp", "black"])
def test_takes_an_odd_but_whole_image(demo: DemoForge, caller: Caller, kind: str) -> None:
    demo.fault(kind)
    assert caller.generate().width == 128


def test_refuses_another_model_than_the_one_asked(demo: DemoForge, caller: Caller) -> None:
    assert caller.failure(model="no-such-model").kind is Kind.MODEL_NOT_FOUND
    assert demo.log()["entries"] == [], "known without a generation"
    demo.fault("wrong_model")
    assert caller.failure(model="demo-flux").kind is Kind.MODEL_NOT_FOUND


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


def test_shows_its_password_on_every_call(demo: DemoForge) -> None:
    demo.settings(auth="me:se:cret")
    assert Caller(demo, auth="me:se:cret").generate().seed == 7
    with pytest.raises(ForgeFailure) as caught:
        Caller(demo).client.preflight()
    assert caught.value.kind is Kind.UNAUTHORIZED


def test_asks_no_proxy(demo: DemoForge, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert caller.client.preflight().idle


def test_lists_what_forge_offers(demo: DemoForge, caller: Caller) -> None:
    lists = caller.client.capabilities()
    assert "Euler" in lists.samplers
    assert "Simple" in lists.schedulers
    assert (lists.models[0].name, lists.models[0].title) == ("demo-flux", "demo-flux.safetensors")
    assert (lists.previews, lists.demo) == (True, True)
    demo.settings(options={"live_previews_enable": False})
    assert caller.client.capabilities().previews is False


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


def test_never_has_two_of_our_requests_in_one_forge(demo: DemoForge, caller: Caller) -> None:
    demo.fault("hang")
    caller.failure(limits=IMPATIENT)
    demo.fault("drop", at=0.1)
    caller.failure(task="t-2")
    caller.generate(task="t-3")
    assert demo.log()["overlap"] == 0
