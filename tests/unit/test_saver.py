"""A picture is decoded before it counts, made PNG, and rid of what must not leave the server."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from shared.domain.failures import FailureKind
from shared.images_folder import FolderImages
from worker.forge_answer import GeneratedImage
from worker.forge_failure import ForgeFailure
from worker.saver import Saver, finished, without_paths

PROMPT = "gün batımı, file /etc/passwd and/or C:\\dir\\x"
HEAD = f"{PROMPT}\nNegative prompt: none\nSteps: 20, Sampler: Euler, Lora path: "
TEXT = f"{HEAD}/srv/forge/models/Lora/a.safetensors, Seed: 7"
CLEAN = f"{HEAD}<path>, Seed: 7"


def png(text: str = TEXT, size: tuple[int, int] = (64, 32), mode: str = "RGB", **more: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("parameters", text) if not text.isascii() else info.add_text("parameters", text)
    for key, value in more.items():
        info.add_text(key, value, zip=True)
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def test_keeps_the_pixels_and_forges_parameters_without_its_paths() -> None:
    kept = opened(finished(png(workflow="/srv/secret", Software="x"), (64, 32), "keep"))
    assert kept.info == {"parameters": CLEAN}
    assert kept.tobytes() == opened(png()).tobytes()


def test_strips_everything_that_is_text() -> None:
    stripped = finished(png(), (64, 32), "strip")
    assert opened(stripped).info == {}
    assert b"Steps" not in stripped
    assert opened(stripped).tobytes() == opened(png()).tobytes()


def test_writes_plain_text_where_latin_1_can_hold_it() -> None:
    kept = finished(png("a hill\nSteps: 20"), (64, 32), "keep")
    assert b"tEXtparameters\0a hill\nSteps: 20" in kept
    assert opened(kept).info["parameters"] == "a hill\nSteps: 20"


def test_drops_what_hangs_behind_the_end() -> None:
    assert finished(png() + b"<script>", (64, 32), "strip").endswith(b"IEND\xaeB`\x82")


@pytest.mark.parametrize(("format_", "exif"), [("JPEG", True), ("WEBP", True), ("WEBP", False)])
def test_makes_png_of_other_formats_and_carries_the_parameters_over(format_: str, exif: bool) -> None:
    file = io.BytesIO()
    more: dict[str, Any] = {}
    if exif:
        data = Image.Exif()
        data.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + TEXT.encode("utf-16-be")
        more["exif"] = data
    Image.new("RGB", (64, 32), (9, 99, 199)).save(file, format_, **more)
    kept = opened(finished(file.getvalue(), (64, 32), "keep"))
    assert (kept.format, kept.size) == ("PNG", (64, 32))
    assert kept.info == ({"parameters": CLEAN} if exif else {})
    assert opened(finished(file.getvalue(), (64, 32), "strip")).info == {}


BAD = {
    "no image": b"hello",
    "nothing": b"",
    "another size": png(size=(32, 32)),
    "cut off": png()[: len(png()) // 2],
    "one pixel byte wrong": png().replace(b"IDAT", b"IDAT\x00", 1),
    "a gif": b"GIF89a" + b"\0" * 40,
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_refuses_what_cannot_be_decoded(content: bytes) -> None:
    with pytest.raises(ForgeFailure) as caught:
        finished(content, (64, 32), "keep")
    assert caught.value.kind is FailureKind.BAD_IMAGE
    assert not caught.value.counts


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (TEXT, CLEAN),
        ("Steps: 20, VAE: /models/ae.safetensors", "Steps: 20, VAE: <path>"),
        ("a\nSteps: 2, Module 1: C:\\sd\\ae.sft, x", "a\nSteps: 2, Module 1: <path>, x"),
        ("a\nSteps: 2, Size: 512x512, Version: f2.0.1v1.10.1", "a\nSteps: 2, Size: 512x512, Version: f2.0.1v1.10.1"),
        ("", ""),
    ],
)
def test_takes_the_servers_paths_out_of_the_parameters_only(text: str, clean: str) -> None:
    assert without_paths(text) == clean


def generated(content: bytes) -> GeneratedImage:
    return GeneratedImage(content, 64, 32, seed=7, sampler_name="Euler", model=None, job_timestamp="")


def test_stores_and_discards(tmp_path: Path) -> None:
    store = FolderImages(tmp_path)
    saver = Saver(store)
    name = saver.save(generated(png()))
    with store.open(name) as file:
        assert opened(file.read()).info == {"parameters": CLEAN}
    saver.discard(name)
    saver.discard(name)
    assert not store.exists(name)


def test_stores_nothing_that_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(ForgeFailure):
        Saver(FolderImages(tmp_path)).save(generated(b"hello"))
    assert list(tmp_path.rglob("*")) == []
