"""The stand-in answers as Forge does, with the quirks a client trips over."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from PIL import Image

from tests.demo_calls import generate, image_of, post, progress, task
from tests.demo_process import DemoForge
from tests.waiting import wait_for


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(48) as pool:
        yield pool


def test_answers_with_image_echo_and_info_as_text(demo: DemoForge) -> None:
    demo.settings(payload="painted")
    answer = generate(demo, "a", prompt="gün batımında İstanbul")
    body = answer.json()
    info = json.loads(body["info"])
    assert answer.headers["X-Forgeline-Demo"] == "1"
    assert image_of(answer).size == (64, 64)
    assert "gün batımında İstanbul\nSteps: 4" in str(image_of(answer).info["parameters"])
    assert body["parameters"]["steps"] == 4
    assert (info["seed"], info["all_seeds"], info["sampler_name"]) == (7, [7], "Euler")
    assert info["sd_model_name"] == "demo-flux"
    assert info["index_of_first_image"] == 0
    assert info["job_timestamp"] == progress(demo)["state"]["job_timestamp"]


def test_fills_in_the_servers_own_defaults(demo: DemoForge) -> None:
    demo.settings(step_seconds=0)
    body = post(demo, prompt="x").json()
    info = json.loads(body["info"])
    assert (info["steps"], info["width"], info["cfg_scale"]) == (50, 512, 7.0)
    assert info["seed"] >= 0


@pytest.mark.parametrize(
    ("asked", "used"),
    [("Nope", "DPM++ 2M"), ("euler a", "DPM++ 2M"), ("Euler a", "Euler a"), ("DPM++ 2M Karras", "DPM++ 2M")],
)
def test_renders_an_unknown_sampler_silently_with_the_first(demo: DemoForge, asked: str, used: str) -> None:
    assert json.loads(generate(demo, "a", sampler_name=asked).json()["info"])["sampler_name"] == used


def test_drops_an_unknown_model_silently_and_fails_on_an_unknown_option(demo: DemoForge) -> None:
    unknown = generate(demo, "a", override_settings={"sd_model_checkpoint": "nope"})
    assert json.loads(unknown.json()["info"])["sd_model_name"] == "demo-flux"
    known = generate(demo, "b", override_settings={"sd_model_checkpoint": "demo-sdxl"})
    assert json.loads(known.json()["info"])["sd_model_name"] == "demo-sdxl"
    failed = generate(demo, "c", override_settings={"nope": 1})
    assert (failed.status_code, failed.json()["error"]) == (500, "KeyError")


def test_floors_the_size_to_multiples_of_8_while_info_tells_the_asked_one(demo: DemoForge) -> None:
    answer = generate(demo, "a", width=100, height=60)
    assert image_of(answer).size == (96, 56)
    assert json.loads(answer.json()["info"])["width"] == 100


def test_puts_a_grid_before_the_images_when_it_saves_several(demo: DemoForge) -> None:
    body = generate(demo, "a", n_iter=3, save_images=True).json()
    assert len(body["images"]) == 4
    assert json.loads(body["info"])["index_of_first_image"] == 1


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"steps": "abc", "n_iter": 2.5}, 422, [["body", "steps"], ["body", "n_iter"]]),
        ({"script_name": "nope"}, 422, "Script 'nope' not found"),
        ({"steps": 0}, 500, "ZeroDivisionError"),
        ({"steps": None}, 500, "RuntimeError"),
        ({"prompt": None}, 500, "AssertionError"),
        ({"n_iter": 0}, 500, "IndexError"),
        ({"width": 0}, 500, "RuntimeError"),
        ({"infotext": "x"}, 500, "TypeError"),
        ({"enable_hr": True}, 500, "TypeError"),
    ],
)
def test_refuses_and_fails_as_forge_does(demo: DemoForge, body: dict[str, Any], status: int, error: Any) -> None:
    answer = generate(demo, "a", **body)
    assert answer.status_code == status
    if status == 500:
        assert set(answer.json()) == {"error", "detail", "body", "message"}
        assert answer.json()["error"] == error
    else:
        detail = answer.json()["detail"]
        assert (detail if isinstance(detail, str) else [fault["loc"] for fault in detail]) == error


def test_names_the_text_of_an_error_by_its_dialect(demo: DemoForge) -> None:
    demo.settings(dialect="a1111")
    demo.fault("oom")
    assert generate(demo, "a").json()["errors"].startswith("CUDA out of memory")


def test_tells_job_count_and_stale_fields_by_the_state_it_is_in(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    assert progress(demo)["state"]["job_timestamp"] == "0"
    demo.shut_gate("loading")
    running = pool.submit(generate, demo, "a", n_iter=2)
    demo.wait_held()
    loading = progress(demo)
    assert (loading["state"]["job_count"], loading["progress"]) == (-1, 0.01)
    demo.shut_gate(0.5)  # lets go of what stood at the gate before
    wait_for(lambda: progress(demo)["state"]["job_count"] > 0)
    demo.wait_held()
    sampling = progress(demo)
    assert (sampling["state"]["job_count"], sampling["state"]["sampling_step"]) == (2, 2)
    assert sampling["progress"] == pytest.approx(0.01 + 0.5 / 2)
    demo.open_gate()
    running.result()
    idle = progress(demo)
    assert (idle["progress"], idle["state"]["job_count"], idle["state"]["job"]) == (0.0, 0, "")
    assert idle["state"]["sampling_steps"] == 4
    assert idle["state"]["job_no"] == 1


def test_is_idle_again_before_the_answer_is_sent(demo: DemoForge) -> None:
    assert generate(demo, "a").status_code == 200
    (end,) = demo.wait_for("end")
    assert end["outcome"] == "complete"
    assert progress(demo)["state"]["job_count"] == 0


def test_shows_a_preview_that_sharpens(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    demo.settings(payload="painted")
    sizes = []
    for at in (0.25, 0.75):
        demo.shut_gate(at)
        running = pool.submit(generate, demo, f"a{at}", width=256, height=256)
        demo.wait_held()
        encoded = requests.get(f"{demo.url}/sdapi/v1/progress", timeout=5).json()["current_image"]
        preview = base64.b64decode(encoded, validate=True)
        with Image.open(io.BytesIO(preview)) as image:
            assert image.format == "PNG"
        sizes.append(len(preview))
        demo.open_gate()
        running.result()
    assert sizes[1] < sizes[0], "noise compresses worse than a picture"


def test_answers_200_with_a_partial_image_when_interrupted(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    demo.shut_gate(0.5)
    running = pool.submit(generate, demo, "a")
    demo.wait_held()
    assert post(demo, "/sdapi/v1/interrupt").json() == {}
    answer = running.result()
    assert (answer.status_code, len(answer.json()["images"])) == (200, 1)
    assert progress(demo)["state"]["interrupted"] is True
    demo.open_gate()
    assert generate(demo, "b").ok
    assert progress(demo)["state"]["interrupted"] is False
    assert task(demo, "a")["completed"] is True


def test_answers_200_without_images_when_interrupted_early(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    demo.shut_gate("loading")
    running = pool.submit(generate, demo, "a")
    demo.wait_held()
    post(demo, "/sdapi/v1/interrupt")
    assert running.result().json()["images"] == []


def test_skips_to_the_next_image_of_several(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    demo.shut_gate(0.5)
    running = pool.submit(generate, demo, "a", n_iter=2)
    demo.wait_held()
    assert post(demo, "/sdapi/v1/skip").json() is None
    demo.open_gate()
    assert len(running.result().json()["images"]) == 2


def test_leaves_a_failed_task_active_for_ever(demo: DemoForge) -> None:
    demo.fault("status")
    assert generate(demo, "a").status_code == 500
    assert task(demo, "a")["active"] is True
    assert progress(demo)["state"]["job_count"] == 0


def test_stays_poisoned_after_a_failed_model_load_until_another_model(demo: DemoForge) -> None:
    demo.fault("bad_model")
    assert "recognize model type" in generate(demo, "a").json()["message"]
    for name in ("b", "c"):
        assert "sd_checkpoint_info" in generate(demo, name).json()["message"]
    assert progress(demo)["progress"] == 0.0
    assert generate(demo, "d", override_settings={"sd_model_checkpoint": "demo-sdxl"}).ok


def test_applies_options_at_once_and_refuses_an_unknown_model(demo: DemoForge) -> None:
    assert post(demo, "/sdapi/v1/options", live_previews_enable=False).json() is None
    assert requests.get(f"{demo.url}/sdapi/v1/options", timeout=5).json()["live_previews_enable"] is False
    assert post(demo, "/sdapi/v1/options", sd_model_checkpoint="nope").status_code == 500
