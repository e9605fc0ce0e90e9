"""Forge's 200 is looked at closely: it answers 200 also for half an image, or for none."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from shared.domain.failures import FailureKind
from shared.domain.params import GenerationParams
from worker.forge_answer import read_answer, same_model
from worker.forge_failure import ForgeFailure

PARAMS = GenerationParams(prompt="a hill", width=128, height=64)
INFO = {"seed": 7, "sampler_name": "Euler", "sd_model_name": "flux1-dev", "job_timestamp": "20260101000000"}


def file(size: tuple[int, int] = (128, 64), format_: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (10, 80, 200)).save(buffer, format_)
    return buffer.getvalue()


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def body(images: Any, info: Any = INFO) -> bytes:
    return json.dumps({"images": images, "parameters": {}, "info": json.dumps(info)}).encode()


def failure_of(content: bytes, params: GenerationParams = PARAMS) -> FailureKind:
    with pytest.raises(ForgeFailure) as caught:
        read_answer(content, params, seed=1)
    assert caught.value.sent
    assert not caught.value.counts
    return caught.value.kind


def test_returns_the_image_with_what_was_really_used() -> None:
    image = read_answer(body([encoded(file())], {**INFO, "sampler_name": "DPM++ 2M", "seed": 99}), PARAMS, seed=1)
    assert (image.png, image.width, image.height) == (file(), 128, 64)
    assert (image.seed, image.sampler_name, image.model) == (99, "DPM++ 2M", "flux1-dev")
    assert image.job_timestamp == "20260101000000"


def test_does_without_the_info() -> None:
    for content in (json.dumps({"images": [encoded(file())]}).encode(), body([encoded(file())], {"seed": True})):
        image = read_answer(content, PARAMS, seed=1)
        assert (image.seed, image.sampler_name, image.model, image.job_timestamp) == (1, "Euler", None, "")


@pytest.mark.parametrize("seed", [-1, 2**32, "7", None])
def test_a_seed_that_is_none_of_ours_is_the_one_that_was_sent(seed: Any) -> None:
    assert read_answer(body([encoded(file())], {**INFO, "seed": seed}), PARAMS, seed=1).seed == 1


def test_keeps_no_text_that_postgresql_would_refuse() -> None:
    info = {**INFO, "sampler_name": "\0Eu\0ler", "sd_model_name": "\0", "job_timestamp": "1\0"}
    image = read_answer(body([encoded(file())], info), PARAMS, seed=1)
    assert (image.sampler_name, image.model, image.job_timestamp) == ("Euler", None, "1")


def test_passes_over_the_grid_before_the_first_image() -> None:
    images = [encoded(file((64, 64))), encoded(file()), encoded(file())]
    assert read_answer(body(images, {**INFO, "index_of_first_image": 1}), PARAMS, seed=1).png == file()


@pytest.mark.parametrize("format_", ["JPEG", "WEBP"])
def test_takes_the_other_formats_and_a_data_prefix(format_: str) -> None:
    content = file(format_=format_)
    image = read_answer(body([f"data:image/x;base64,{encoded(content)}"]), PARAMS, seed=1)
    assert image.png == content


BAD: dict[str, bytes] = {
    "not json": b"<html>",
    "not an object": b"[]",
    "nothing": b"{}",
    "no images": body([]),
    "images is no list": body("x"),
    "image is no text": body([7]),
    "not base64": body(["%%%%"]),
    "half base64": body([encoded(file())[:-3]]),
    "truncated": body([encoded(file()[:-40])]),
    "not an image": body([encoded(b"hello" * 20)]),
    "another format": body([encoded(file(format_="GIF"))]),
    "wrong size": body([encoded(file((64, 64)))]),
    "the grid alone": body([encoded(file())], {"index_of_first_image": 1}),
    "info is no json": json.dumps({"images": [encoded(file())], "info": "{"}).encode(),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_refuses_what_is_not_our_image(content: bytes) -> None:
    assert failure_of(content) is FailureKind.BAD_IMAGE


def test_refuses_an_image_of_another_model_than_the_one_asked() -> None:
    asked = PARAMS.model_copy(update={"model": "other"})
    assert failure_of(body([encoded(file())]), asked) is FailureKind.MODEL_NOT_FOUND
    assert read_answer(body([encoded(file())]), PARAMS.model_copy(update={"model": "flux1-dev"}), seed=1)


@pytest.mark.parametrize(
    ("asked", "same"),
    [
        ("flux1-dev", True),
        ("flux1-dev.safetensors", True),
        ("flux/flux1-dev.safetensors [0123abcd]", True),
        (r"flux\FLUX1-dev.gguf", True),
        ("flux1-dev-fp8", False),
        ("v1.5", False),
    ],
)
def test_knows_a_model_by_name_title_and_file(asked: str, same: bool) -> None:
    assert same_model(asked, "flux1-dev") is same
