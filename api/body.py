"""Reading a JSON body: what is no JSON is refused here, everything strange in it is told with the field's name.

    over 64 KiB 413 · not application/json 415 · not UTF-8, not JSON, NaN 400 · too deep, a key twice 422

A number too large for a double is read as infinity, which every declaration refuses with the field's name. NUL and lone
surrogates are refused by the declarations too; in a key they become a replacement character, and no such field exists.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from flask import Request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from shared.domain.errors import FieldFault, InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from shared.domain.faults import WHOLE, faults_of, shown_name
from shared.domain.params import RequestLimits
from shared.settings import Settings

Model = TypeVar("Model", bound=BaseModel)

MEDIA_TYPE = "application/json"
MAX_DEPTH = 16
#: Longer whole numbers are beyond any field; reading them costs the square of their length.
MAX_DIGITS = 40

#: A string that never ends is taken as a whole: looked for from each quote in it, it costs the square of its length.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A parsed body, and the faults found while it was read (to be told with the declaration's)."""

    value: Any
    faults: tuple[FieldFault, ...] = ()


def request_limits(settings: Settings) -> RequestLimits:
    """Return the operator's limits of requests."""
    return RequestLimits(
        settings.max_prompt_chars, settings.max_pixels, settings.max_steps, tuple(settings.webhook_hosts)
    )


def read_json(asking: Request) -> JsonBody:
    """Read the body of a request; raises UnsupportedMediaType, PayloadTooLarge, InvalidRequest (400 or 422)."""
    if asking.mimetype != MEDIA_TYPE or asking.mimetype_params.get("charset", "utf-8").lower() != "utf-8":
        raise UnsupportedMediaType
    if asking.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType
    try:
        raw = asking.get_data(cache=True)
    except RequestEntityTooLarge:
        raise PayloadTooLarge from None
    return parse_json(raw)


def parse_json(raw: bytes) -> JsonBody:
    """Parse JSON as strictly as RFC 8259 has it; raises InvalidRequest with status 400 for anything else."""
    if _depth(raw) > MAX_DEPTH:
        raise InvalidRequest(errors=[FieldFault(WHOLE, "too_deep")])
    doubled: list[str] = []

    def take(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        named = [(_SURROGATE.sub("\ufffd", name), value) for name, value in pairs]
        doubled.extend(name for name, count in Counter(name for name, _ in named).items() if count > 1)
        return dict(named)

    try:
        value = json.loads(
            raw.decode("utf-8-sig"), object_pairs_hook=take, parse_constant=_no_constant, parse_int=_whole_number
        )
    except (ValueError, RecursionError):
        raise InvalidRequest(status=400, errors=[FieldFault(WHOLE, "not_json")]) from None
    return JsonBody(value, tuple(FieldFault(shown_name([name]), "duplicate_key") for name in doubled))


def parse_model(body: JsonBody, model: type[Model]) -> Model:
    """Return a small body as its declaration; raises InvalidRequest with every fault."""
    return validated(body.value, model, body.faults)


def validated(data: object, model: type[Model], known_faults: Iterable[FieldFault] = ()) -> Model:
    """Return `data` as a `model`; raises InvalidRequest with every fault."""
    faults = list(known_faults)
    try:
        value = model.model_validate(data)
    except ValidationError as error:
        raise InvalidRequest(errors=faults + faults_of(error, model)) from None
    if faults:
        raise InvalidRequest(errors=faults)
    return value


def _depth(raw: bytes) -> int:
    depth = deepest = 0
    for found in _STRING_OR_BRACKET.finditer(raw):
        if found[0] in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in (b"]", b"}"):
            depth -= 1
    return deepest


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else math.copysign(math.inf, -1 if digits[0] == "-" else 1)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
