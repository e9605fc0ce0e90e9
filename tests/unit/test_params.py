"""What a valid request for an image is."""

from typing import Any

import pytest

from shared.domain.errors import FieldFault, InvalidRequest
from shared.domain.faults import MAX_NAME
from shared.domain.params import (
    ReportedLists,
    RequestLimits,
    defaults,
    parse_generate,
    presets,
    request_model,
)
from shared.domain.texts import FAULT_TEXTS

LIMITS = RequestLimits()
CALLING = RequestLimits(webhook_hosts=("hooks.example.com",))
LISTS = ReportedLists(
    frozenset({"Euler", "DPM++ 2M"}), frozenset({"Simple", "Karras"}), frozenset({"flux", "flux [ab]"})
)
INF, NAN = float("inf"), float("nan")


def faults(body: object, limits: RequestLimits = LIMITS, lists: ReportedLists | None = None) -> dict[str, str]:
    """Return what is wrong with a body: field -> fault."""
    with pytest.raises(InvalidRequest) as refused:
        parse_generate(body, limits, lists)
    return {fault.field: fault.fault for fault in refused.value.errors}


def test_a_prompt_alone_asks_for_the_defaults() -> None:
    request = parse_generate({"prompt": "a lighthouse"}, LIMITS)
    assert request.params.model_dump() == {
        "prompt": "a lighthouse",
        "negative_prompt": "",
        "width": 1024,
        "height": 1024,
        "steps": 20,
        "cfg_scale": 1.0,
        "distilled_cfg_scale": 3.5,
        "sampler_name": "Euler",
        "scheduler": "Simple",
        "seed": -1,
        "model": None,
    }
    assert (request.conversation_id, request.priority, request.locale, request.callback_url) == (
        None,
        "normal",
        None,
        None,
    )


ACCEPTED: list[dict[str, Any]] = [
    {"width": 64, "height": 2048},
    {"width": 1024.0},
    {"steps": 1},
    {"steps": 150},
    {"cfg_scale": 1},
    {"cfg_scale": 30},
    {"distilled_cfg_scale": 0},
    {"seed": 0},
    {"seed": 2**32 - 1},
    {"negative_prompt": ""},
    {"negative_prompt": " "},
    {"model": None},
    {"model": "flux"},
    {"conversation_id": "anything at all"},
    {"priority": "high"},
    {"locale": "tr"},
]


@pytest.mark.parametrize("body", ACCEPTED, ids=repr)
def test_a_value_on_the_edge_is_accepted(body: dict[str, Any]) -> None:
    request = parse_generate({"prompt": "x"} | body, LIMITS)
    assert {name: getattr(request, name) for name in body} == body


REFUSED: list[tuple[object, dict[str, str]]] = [
    ({}, {"prompt": "required"}),
    ({"prompt": ""}, {"prompt": "empty"}),
    ({"prompt": " \t\n"}, {"prompt": "empty"}),
    ({"prompt": "\u3000\u200b\ufeff"}, {"prompt": "empty"}),
    ({"prompt": "x" * 2001}, {"prompt": "too_long"}),
    ({"prompt": "a\0b"}, {"prompt": "bad_characters"}),
    ({"prompt": "a\ud800"}, {"prompt": "bad_characters"}),
    ({"prompt": None}, {"prompt": "not_text"}),
    ({"prompt": 5}, {"prompt": "not_text"}),
    ({"prompt": ["a"]}, {"prompt": "not_text"}),
    ({"negative_prompt": "a\0"}, {"negative_prompt": "bad_characters"}),
    ({"negative_prompt": None}, {"negative_prompt": "not_text"}),
    ({"width": True}, {"width": "not_an_integer"}),
    ({"width": "1024"}, {"width": "not_an_integer"}),
    ({"width": 1024.5}, {"width": "not_an_integer"}),
    ({"width": None}, {"width": "not_an_integer"}),
    ({"width": {}}, {"width": "not_an_integer"}),
    ({"width": 63}, {"width": "not_a_multiple"}),
    ({"width": 56}, {"width": "out_of_range"}),
    ({"width": 2056}, {"width": "out_of_range"}),
    ({"width": 100}, {"width": "not_a_multiple"}),
    ({"width": INF}, {"width": "out_of_range"}),
    ({"width": NAN}, {"width": "not_an_integer"}),
    ({"width": 10**30}, {"width": "out_of_range"}),
    ({"height": -8}, {"height": "out_of_range"}),
    ({"steps": 0}, {"steps": "out_of_range"}),
    ({"steps": 151}, {"steps": "out_of_range"}),
    ({"cfg_scale": True}, {"cfg_scale": "not_a_number"}),
    ({"cfg_scale": "7"}, {"cfg_scale": "not_a_number"}),
    ({"cfg_scale": 0.5}, {"cfg_scale": "out_of_range"}),
    ({"cfg_scale": 30.5}, {"cfg_scale": "out_of_range"}),
    ({"cfg_scale": NAN}, {"cfg_scale": "out_of_range"}),
    ({"cfg_scale": -INF}, {"cfg_scale": "out_of_range"}),
    ({"distilled_cfg_scale": -0.1}, {"distilled_cfg_scale": "out_of_range"}),
    ({"seed": -2}, {"seed": "out_of_range"}),
    ({"seed": 2**32}, {"seed": "out_of_range"}),
    ({"sampler_name": ""}, {"sampler_name": "empty"}),
    ({"sampler_name": None}, {"sampler_name": "not_text"}),
    ({"scheduler": " "}, {"scheduler": "empty"}),
    ({"model": "x" * 301}, {"model": "too_long"}),
    ({"model": 3}, {"model": "not_text"}),
    ({"conversation_id": 7}, {"conversation_id": "not_text"}),
    ({"priority": "urgent"}, {"priority": "not_one_of"}),
    ({"priority": None}, {"priority": "not_one_of"}),
    ({"locale": "de"}, {"locale": "not_one_of"}),
    ({"callback_url": "https://example.com"}, {"callback_url": "bad_url"}),
    ({"batch_size": 4}, {"batch_size": "unknown_field"}),
    ({"Prompt": "x"}, {"Prompt": "unknown_field"}),
    ({"": 1}, {"body": "unknown_field"}),
]


@pytest.mark.parametrize(("body", "expected"), REFUSED, ids=[repr(body)[:40] for body, _ in REFUSED])
def test_a_wrong_value_is_refused_by_name(body: dict[str, Any], expected: dict[str, str]) -> None:
    whole = body if "prompt" in body or not body else {"prompt": "x"} | body
    assert faults(whole) == expected


@pytest.mark.parametrize("body", [None, [], "x", 5, True, [{"prompt": "x"}]], ids=repr)
def test_anything_but_an_object_is_refused(body: object) -> None:
    assert faults(body) == {"body": "not_an_object"}


def test_every_fault_is_told_at_once() -> None:
    body = {"prompt": " ", "width": True, "steps": 0, "sampler_name": "Nope", "locale": "xx", "extra": 1, "seed": INF}
    assert faults(body, lists=LISTS) == {
        "prompt": "empty",
        "width": "not_an_integer",
        "steps": "out_of_range",
        "sampler_name": "not_available",
        "locale": "not_one_of",
        "extra": "unknown_field",
        "seed": "out_of_range",
    }


def test_faults_found_while_reading_are_told_with_the_others() -> None:
    known = [FieldFault("seed", "duplicate_key")]
    with pytest.raises(InvalidRequest) as refused:
        parse_generate({"prompt": ""}, LIMITS, known_faults=known)
    assert [fault.field for fault in refused.value.errors] == ["seed", "prompt"]


def test_width_times_height_has_a_limit() -> None:
    small = RequestLimits(max_pixels=512 * 512)
    assert parse_generate({"prompt": "x", "width": 256, "height": 1024}, small).width == 256
    assert faults({"prompt": "x", "width": 1024}, small) == {"width": "too_many_pixels", "height": "too_many_pixels"}


def test_defaults_keep_within_the_limits() -> None:
    small = RequestLimits(max_pixels=300_000, max_steps=4)
    request = parse_generate({"prompt": "x"}, small)
    assert (request.width, request.height, request.steps) == (544, 544, 4)
    assert defaults(small)["width"] == 544
    assert all(int(str(size["width"])) * int(str(size["height"])) <= 300_000 for size in presets(small))


def test_names_are_unchecked_before_a_worker_has_reported() -> None:
    assert parse_generate({"prompt": "x", "sampler_name": "Nope"}, LIMITS, None).sampler_name == "Nope"
    assert parse_generate({"prompt": "x", "model": "Nope"}, LIMITS, ReportedLists()).model == "Nope"


def test_names_nobody_offers_are_refused() -> None:
    body = {"prompt": "x", "sampler_name": "euler", "scheduler": "Nope", "model": "gone"}
    assert faults(body, lists=LISTS) == dict.fromkeys(["sampler_name", "scheduler", "model"], "not_available")
    assert parse_generate({"prompt": "x", "model": "flux [ab]"}, LIMITS, LISTS).model == "flux [ab]"


def test_a_default_nobody_asked_for_is_not_held_against_the_caller() -> None:
    lists = ReportedLists(schedulers=frozenset({"Karras"}))
    assert parse_generate({"prompt": "x"}, LIMITS, lists).params.scheduler == "Simple"


def test_a_callback_elsewhere_is_refused_with_the_other_faults() -> None:
    assert faults({"prompt": "", "callback_url": "https://evil.com"}, CALLING) == {
        "prompt": "empty",
        "callback_url": "bad_url",
    }
    assert faults({"prompt": "x", "callback_url": "gopher://hooks.example.com"}, CALLING) == {"callback_url": "bad_url"}
    assert parse_generate({"prompt": "x", "callback_url": "https://hooks.example.com/a"}, CALLING).callback_url


@pytest.mark.parametrize("locale", ["en", "tr"])
def test_every_fault_has_a_sentence_without_gaps(locale: str) -> None:
    for body, _ in REFUSED:
        with pytest.raises(InvalidRequest) as refused:
            parse_generate(body, LIMITS)
        for fault in refused.value.errors:
            assert fault.fault in FAULT_TEXTS
            assert "{" not in fault.message(locale)


def test_a_strange_field_name_is_cut_and_made_printable() -> None:
    (name,) = faults({"prompt": "x", "\x1b[2J" + "y" * 500: 1})
    assert len(name) <= MAX_NAME and name.isprintable()


def test_equal_bodies_have_one_fingerprint() -> None:
    bare = parse_generate({"prompt": "x"}, LIMITS)
    spelled = parse_generate({"steps": 20, "cfg_scale": 1, "prompt": "x"}, LIMITS)
    other = parse_generate({"prompt": "x", "steps": 21}, LIMITS)
    assert bare.fingerprint() == spelled.fingerprint() != other.fingerprint()


def test_the_declaration_shows_the_operators_limits() -> None:
    schema = request_model(RequestLimits(max_prompt_chars=10, max_pixels=65536, max_steps=9)).model_json_schema()
    fields = schema["properties"]
    assert (fields["prompt"]["maxLength"], fields["steps"]["maximum"], fields["width"]["maximum"]) == (10, 9, 1024)
    assert schema["additionalProperties"] is False and fields["seed"]["maximum"] == 2**32 - 1
