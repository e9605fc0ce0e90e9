"""The stand-in keeps Forge's contract on the wire, with the quirks a client trips over."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest
import requests
from PIL import Image

from tests.demo_process import DemoForge
from tests.waiting import wait_for

REQUEST = {"prompt": "a hill", "width": 64, "height": 64, "steps": 4, "seed": 7}


@pytest.fixture(scope="module")
def process() -> Iterator[DemoForge]:
    with DemoForge() as demo:
        yield demo


@pytest.fixture
def demo(process: DemoForge) -> DemoForge:
    process.reset()
    return process


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(48) as pool:
        yield pool


def post(demo: DemoForge, path: str = "/sdapi/v1/txt2img", timeout: float = 30, **body: Any) -> requests.Response:
    return requests.post(demo.url + path, json=body, timeout=timeout)


def generate(demo: DemoForge, task: str, **body: Any) -> requests.Response:
    return post(demo, **{**REQUEST, "force_task_id": task, **body})


def progress(demo: DemoForge, timeout: float = 5) -> dict[str, Any]:
    query = "?skip_current_image=true"
    answer: dict[str, Any] = requests.get(f"{demo.url}/sdapi/v1/progress{query}", timeout=timeout).json()
    return answer


def task(demo: DemoForge, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = post(demo, "/internal/progress", id_task=name, id_live_preview=-1).json()
    return answer


def image_of(answer: requests.Response) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(answer.json()["images"][0], validate=True)))


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
    demo.shut_gate(0.5)
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


def test_forgets_an_interrupt_for_those_that_wait(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    demo.shut_gate(0.5)
    first = pool.submit(generate, demo, "a")
    demo.wait_held()
    second = pool.submit(generate, demo, "b")
    demo.wait_for("arrive", task="b")
    post(demo, "/sdapi/v1/interrupt")
    first.result()
    demo.open_gate()
    second.result()
    ends = demo.wait_for("end", count=2)
    assert [(end["task"], end["outcome"]) for end in ends] == [("a", "interrupted"), ("b", "complete")]


def test_skips_to_the_next_image_of_several(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    demo.shut_gate(0.5)
    running = pool.submit(generate, demo, "a", n_iter=2)
    demo.wait_held()
    assert post(demo, "/sdapi/v1/skip").json() is None
    demo.open_gate()
    assert len(running.result().json()["images"]) == 2


def test_serves_in_the_order_of_arrival_and_tells_tasks_apart(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    demo.shut_gate(0.5)
    running = []
    for number in range(4):
        running.append(pool.submit(generate, demo, f"t{number}"))
        demo.wait_for("arrive", task=f"t{number}")
    demo.wait_held()
    assert task(demo, "t0")["active"] is True
    assert task(demo, "t2") | {"queued": True, "textinfo": "In queue: 2/3"} == task(demo, "t2")
    assert requests.get(f"{demo.url}/internal/pending-tasks", timeout=5).json()["size"] == 3
    demo.open_gate()
    assert all(each.result().ok for each in running)
    starts = [entry["task"] for entry in demo.wait_for("start", count=4)]
    assert starts == ["t0", "t1", "t2", "t3"]
    assert task(demo, "never-heard-of")["textinfo"] == "Waiting..."


def test_leaves_a_failed_task_active_for_ever(demo: DemoForge) -> None:
    demo.fault("status")
    assert generate(demo, "a").status_code == 500
    assert task(demo, "a")["active"] is True
    assert progress(demo)["state"]["job_count"] == 0


def test_goes_on_for_a_client_that_left_and_runs_even_what_waited(demo: DemoForge) -> None:
    demo.shut_gate(0.5)
    for name in ("running", "waiting"):
        with pytest.raises(requests.Timeout):
            requests.post(f"{demo.url}/sdapi/v1/txt2img", json={**REQUEST, "force_task_id": name}, timeout=0.3)
    demo.wait_held()
    demo.open_gate()
    ends = demo.wait_for("end", count=2)
    assert [(end["task"], end["client_gone"]) for end in ends] == [("running", True), ("waiting", True)]
    assert demo.log()["overlaps"] == [["running", "waiting"]]


def test_starves_every_call_when_40_requests_are_inside(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    demo.shut_gate(0.5)
    running: list[Future[requests.Response]] = [pool.submit(generate, demo, f"t{number}") for number in range(39)]
    demo.wait_for("arrive", count=39)
    assert progress(demo)["state"]["job_count"] == 1
    running.append(pool.submit(generate, demo, "t39"))
    demo.wait_for("arrive", count=40)
    with pytest.raises(requests.Timeout):
        progress(demo, timeout=0.5)
    demo.open_gate()
    assert all(each.result().ok for each in running)


def test_stays_poisoned_after_a_failed_model_load_until_another_model(demo: DemoForge) -> None:
    demo.fault("bad_model")
    assert "recognize model type" in generate(demo, "a").json()["message"]
    for name in ("b", "c"):
        assert "sd_checkpoint_info" in generate(demo, name).json()["message"]
    assert progress(demo)["progress"] == 0.0
    assert generate(demo, "d", override_settings={"sd_model_checkpoint": "demo-sdxl"}).ok


def test_compresses_unless_asked_not_to(demo: DemoForge) -> None:
    url = f"{demo.url}/sdapi/v1/schedulers"
    assert requests.get(url, timeout=5).headers.get("Content-Encoding") == "gzip"
    plain = requests.get(url, timeout=5, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers


def test_asks_for_a_password_on_the_api_only(demo: DemoForge) -> None:
    demo.settings(auth="me:secret")
    assert requests.get(f"{demo.url}/sdapi/v1/samplers", timeout=5).json() == {"detail": "Not authenticated"}
    wrong = requests.get(f"{demo.url}/sdapi/v1/samplers", timeout=5, auth=("me", "wrong"))
    assert (wrong.status_code, wrong.headers["WWW-Authenticate"]) == (401, "Basic")
    assert requests.get(f"{demo.url}/sdapi/v1/samplers", timeout=5, auth=("me", "secret")).ok
    assert requests.get(f"{demo.url}/internal/ping", timeout=5).json() == {}


def test_has_no_internal_routes_without_its_web_page(demo: DemoForge) -> None:
    demo.settings(webui=False)
    answer = post(demo, "/internal/progress", id_task="a")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


def test_answers_404_while_it_boots(demo: DemoForge) -> None:
    demo.order("POST", "boot", seconds=30)
    assert requests.get(f"{demo.url}/sdapi/v1/progress", timeout=5).status_code == 404
    demo.order("POST", "boot", seconds=0)
    assert progress(demo)["progress"] == 0.0


def test_refuses_connections_and_listens_again(demo: DemoForge) -> None:
    def refused() -> bool:
        try:
            progress(demo)
        except requests.ConnectionError:
            return True
        return False

    demo.order("POST", "refuse")
    wait_for(refused)
    demo.order("POST", "accept")
    assert progress(demo)["progress"] == 0.0


def test_keeps_a_connection_for_several_requests(demo: DemoForge) -> None:
    host, port = demo.url.removeprefix("http://").split(":")
    connection = HTTPConnection(host, int(port), timeout=5)
    sockets = set()
    for _ in range(3):
        connection.request("GET", "/internal/ping")
        assert connection.getresponse().read() == b"{}\n"
        sockets.add(connection.sock)
    connection.close()
    assert len(sockets) == 1


def test_applies_options_at_once_and_refuses_an_unknown_model(demo: DemoForge) -> None:
    assert post(demo, "/sdapi/v1/options", live_previews_enable=False).json() is None
    assert requests.get(f"{demo.url}/sdapi/v1/options", timeout=5).json()["live_previews_enable"] is False
    assert post(demo, "/sdapi/v1/options", sd_model_checkpoint="nope").status_code == 500


def test_dies_at_once_on_sigterm_with_its_last_words_on_the_disk(tmp_path: Any) -> None:
    with DemoForge("--log-file", str(tmp_path / "seen.jsonl")) as demo, ThreadPoolExecutor(1) as pool:
        demo.shut_gate(0.5)
        running = pool.submit(generate, demo, "a")
        demo.wait_held()
        began = time.monotonic()
        demo.terminate()
        assert demo.wait() != 0
        assert time.monotonic() - began < 2
        with pytest.raises(requests.ConnectionError):
            running.result()
        seen = [json.loads(line)["event"] for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
        assert seen == ["arrive", "start"]


def test_paints_one_picture_while_it_answers_others(demo: DemoForge, pool: ThreadPoolExecutor) -> None:
    demo.settings(payload="painted", step_seconds=0.05)
    running = pool.submit(generate, demo, "a", width=512, height=512)
    seen = set()
    while not running.done():
        seen.add(progress(demo)["state"]["sampling_step"])
    assert running.result().ok
    assert len(seen) >= 3
    assert threading.active_count() > 1
