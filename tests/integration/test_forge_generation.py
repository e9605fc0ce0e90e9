"""One generation against the real stand-in: what is asked, what is heard, what comes back."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from PIL import Image

from shared.setting_rules import FOREVER
from tests.demo_process import DemoForge
from tests.forge_caller import LIMITS, PARAMS, Caller
from tests.patient import canned_forge
from tests.waiting import wait_for
from worker.forge import ForgeClient, generate_image_via_forge


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


def test_may_take_as_long_as_the_operator_says(caller: Caller) -> None:
    assert caller.generate(limits=replace(LIMITS, max_s=FOREVER, timeout_s=FOREVER)).seed == PARAMS.seed


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
    demo.settings(step_seconds=0.06, payload="painted", load_seconds=1)
    demo.shut_gate(0.9)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(caller.generate)
        demo.wait_held()
        wait_for(lambda: caller.heard and caller.heard[-1].percent >= 70, what="the look at what stands at the gate")
        demo.open_gate()
        running.result(timeout=20)
    percents = [progress.percent for progress in caller.heard]
    assert percents == sorted(percents)
    assert percents[0] == 0
    assert 70 <= percents[-1] <= 99
    assert caller.heard[0].stage == "loading"
    assert {progress.stage for progress in caller.heard} == {"loading", "sampling"}
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
        assert running.result(timeout=4).seed == 7
    demo.order("DELETE", "faults")


def test_lists_what_forge_offers(demo: DemoForge, caller: Caller) -> None:
    lists = caller.client.capabilities()
    assert "Euler" in lists.samplers
    assert "Simple" in lists.schedulers
    assert (lists.models[0].name, lists.models[0].title) == ("demo-flux", "demo-flux.safetensors")
    assert (lists.previews, lists.demo) == (True, True)
    demo.settings(options={"live_previews_enable": False})
    assert caller.client.capabilities().previews is False


@pytest.mark.parametrize("route", ["sd-models", "options", "schedulers"])
def test_lists_the_rest_when_forge_breaks_over_one_of_them(route: str) -> None:
    with canned_forge() as forge:
        forge.broken.add(route)
        client = ForgeClient(forge.url)
        assert client.capabilities().samplers == ("Euler",)
        client.check_model("flux")
