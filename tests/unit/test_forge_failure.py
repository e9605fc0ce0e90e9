"""What an answer of Forge's means, dialect by dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.domain.failures import FailureKind as Kind
from worker.forge import ForgeClient
from worker.forge_failure import MAX_DETAIL_CHARS, ForgeFailure, classify, sanitised

POISON = "'NoneType' object has no attribute 'sd_checkpoint_info'"
OOM = "CUDA out of memory. Tried to allocate 2.00 GiB"


def of_forge(error: str, message: str = "") -> dict[str, Any]:
    return {"error": error, "detail": "", "body": "", "message": message}


def of_a1111(error: str, errors: str = "", detail: str = "") -> dict[str, Any]:
    return {"error": error, "detail": detail, "body": "", "errors": errors}


CASES: list[tuple[int, Any, Kind, bool]] = [
    (500, of_forge("OutOfMemoryError", OOM), Kind.OUT_OF_MEMORY, False),
    (500, of_a1111("OutOfMemoryError", OOM), Kind.OUT_OF_MEMORY, False),
    (500, of_forge("OutOfMemoryError"), Kind.OUT_OF_MEMORY, False),
    (
        500,
        of_forge("RuntimeError", "[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        Kind.OUT_OF_MEMORY,
        False,
    ),
    (500, of_forge("AcceleratorError", "CUDA error: out of memory"), Kind.OUT_OF_MEMORY, False),
    (500, of_forge("AttributeError", POISON), Kind.POISONED, True),
    (500, of_a1111("AttributeError", POISON), Kind.POISONED, True),
    (500, of_forge("AssertionError", "You do not have CLIP state dict!"), Kind.POISONED, True),
    (500, of_forge("RuntimeError", "Failed to recognize model type!"), Kind.POISONED, True),
    (500, of_forge("RuntimeError", "CUDA error: device-side assert triggered"), Kind.POISONED, True),
    (500, of_forge("TypeError", "argument of type 'NoneType' is not iterable"), Kind.REJECTED, False),
    (500, of_forge("KeyError", "'nope'"), Kind.REJECTED, False),
    (500, of_forge("ZeroDivisionError", "float division by zero"), Kind.REJECTED, False),
    (500, of_forge("AssertionError"), Kind.REJECTED, False),
    (500, of_forge("RuntimeError", "model 'x' not found"), Kind.MODEL_NOT_FOUND, False),
    (500, of_forge("RuntimeError", "Could not find checkpoint with name x"), Kind.MODEL_NOT_FOUND, False),
    (500, of_forge("RuntimeError", "something broke"), Kind.SERVER_ERROR, True),
    (500, {"detail": "Invalid image format"}, Kind.SERVER_ERROR, True),
    (500, "Internal Server Error", Kind.SERVER_ERROR, True),
    (507, "", Kind.SERVER_ERROR, True),
    (502, "<html>Bad Gateway</html>", Kind.UNREACHABLE, True),
    (503, {"detail": {"msg": "busy", "type": "busy"}}, Kind.UNREACHABLE, True),
    (504, "", Kind.UNREACHABLE, True),
    (429, "", Kind.UNREACHABLE, True),
    (301, "", Kind.UNREACHABLE, True),
    (404, {"detail": "Not Found"}, Kind.UNREACHABLE, True),
    (404, "<html>", Kind.UNREACHABLE, True),
    (404, of_a1111("HTTPException", detail="Sampler not found"), Kind.REJECTED, False),
    (404, {"detail": "Model not found"}, Kind.MODEL_NOT_FOUND, False),
    (401, {"detail": "Not authenticated"}, Kind.UNAUTHORIZED, False),
    (403, "", Kind.UNAUTHORIZED, False),
    (422, {"detail": "Script 'nope' not found"}, Kind.REJECTED, False),
    (422, {"detail": [{"loc": ["body", "steps"], "msg": "not an integer"}]}, Kind.REJECTED, False),
    (422, {"detail": [{"loc": 5, "msg": "bad"}]}, Kind.REJECTED, False),
    (422, "[" * 100_000, Kind.REJECTED, False),
    (422, '{"detail":' + '[{"msg":' * 400 + "1" + "}]" * 400 + "}", Kind.REJECTED, False),
    (400, {"error": "prompt required"}, Kind.REJECTED, False),
    (405, {"detail": "Method Not Allowed"}, Kind.REJECTED, False),
    (500, [1], Kind.SERVER_ERROR, True),
]


@pytest.mark.parametrize(("status", "body", "kind", "counts"), CASES)
def test_means_one_kind_of_failure(status: int, body: Any, kind: Kind, counts: bool) -> None:
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    failure = classify(status, content, sent=True)
    assert (failure.kind, failure.counts, failure.status, failure.sent) == (kind, counts, status, True)


@pytest.mark.parametrize(
    ("status", "cut_off"),
    [(None, True), (502, True), (503, True), (504, True), (524, True), (429, False), (404, False), (500, False)],
)
def test_knows_whether_forge_may_go_on_unheard(status: int | None, cut_off: bool) -> None:
    assert ForgeFailure(Kind.UNREACHABLE, sent=True, status=status).cut_off is cut_off
    assert not ForgeFailure(Kind.UNREACHABLE, sent=False, status=status).cut_off


def test_reads_the_places_of_a_list_of_faults() -> None:
    body = {"detail": [{"loc": ["body", "steps"], "msg": "not an integer"}, {"loc": ["body", 0], "msg": "bad"}]}
    assert classify(422, json.dumps(body).encode()).detail == "422  body.steps: not an integer; body.0: bad"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("no file at /srv/forge/models/a.safetensors, sorry", "no file at <path>, sorry"),
        (r"open C:\forge\models\a.ckpt failed", "open <path> failed"),
        ("line\n\x1b[31mred\x00", "line [31mred"),
        ("and/or 1/2", "and/or 1/2"),
    ],
)
def test_keeps_a_detail_fit_for_a_log(text: str, clean: str) -> None:
    assert sanitised(text) == clean


def test_bounds_a_detail() -> None:
    assert len(ForgeFailure(Kind.SERVER_ERROR, "x" * 10_000).detail) == MAX_DETAIL_CHARS


@pytest.mark.parametrize("url", ["http://[fd00::abcd]", "https://[fd00::abcd]/forge"])
def test_an_ipv6_address_without_a_port_is_a_place_like_any_other(url: str) -> None:
    with pytest.raises(ForgeFailure) as raised:
        ForgeClient(url, connect_timeout_s=0.1).preflight()
    assert raised.value.kind is Kind.UNREACHABLE
