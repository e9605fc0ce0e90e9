"""What the validation library found, said in our own words: the only reader of its error types.

Every fault of a value is told at once, each with the field's name and a code of `FAULT_TEXTS`. A field's name is shown
back to the caller, so it is cut and made printable; a value never is.
"""

import math
from collections.abc import Iterable
from typing import Any, get_args

from annotated_types import Ge, Le
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.domain.errors import FieldFault

#: The name of a fault that belongs to no single field.
WHOLE = "body"
MAX_NAME = 64
MAX_FAULTS = 50

#: No NUL (PostgreSQL cannot store it); lone surrogates are refused by the validation library itself.
TEXT_PATTERN = r"^[^\x00]*$"
#: What counts as blank in a text that must say something: Unicode's spaces, separators and zero-width characters.
_BLANK = r"\x00-\x20\x7f\x85\xa0\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff"
SAYING_PATTERN = rf"^[^\x00]*[^{_BLANK}][^\x00]*$"

WEB_PATTERN = r"^https?://[^\x00]*$"
#: A place in the line of arrival, as the cursor of a list of jobs; below the largest bigint.
TICKET_PATTERN = r"^[0-9]{1,18}$"

_PATTERN_CODES = {
    TEXT_PATTERN: "bad_characters",
    SAYING_PATTERN: "empty",
    WEB_PATTERN: "bad_url",
    TICKET_PATTERN: "bad_cursor",
}
_CODES = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "model_type": "not_an_object",
    "string_type": "not_text",
    "string_unicode": "bad_characters",
    "string_too_short": "empty",
    "string_too_long": "too_long",
    "int_type": "not_an_integer",
    "int_parsing": "not_an_integer",
    "float_type": "not_a_number",
    "float_parsing": "not_a_number",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "finite_number": "out_of_range",
    "int_parsing_size": "out_of_range",
    "multiple_of": "not_a_multiple",
    "literal_error": "not_one_of",
    "none_required": "bad_url",
}


def faults_of(error: ValidationError, model: type[BaseModel]) -> list[FieldFault]:
    """Return the faults `error` names in an attempt to read a `model`, at most `MAX_FAULTS`."""
    details = error.errors(include_url=False)
    return [_fault(detail, model) for detail in details[:MAX_FAULTS]]


def shown_name(path: Iterable[object]) -> str:
    """Return a field's path as it is shown: `a.b`, printable, at most `MAX_NAME` characters."""
    name = ".".join(str(part) for part in path)
    return "".join(char if char.isprintable() else "\ufffd" for char in name[:MAX_NAME]) or WHOLE


def _fault(detail: ErrorDetails, model: type[BaseModel]) -> FieldFault:
    code = _code(detail)
    return FieldFault(shown_name(detail["loc"][:1]), code, _params(code, detail, model))


def _code(detail: ErrorDetails) -> str:
    kind, value = detail["type"], detail.get("input")
    if kind == "string_pattern_mismatch":
        return "bad_characters" if "\0" in str(value) else _PATTERN_CODES.get(detail["ctx"]["pattern"], "invalid")
    if kind == "int_type" and isinstance(value, float) and math.isinf(value):
        return "out_of_range"
    return _CODES.get(kind, "invalid")


def _params(code: str, detail: ErrorDetails, model: type[BaseModel]) -> dict[str, object]:
    context = detail.get("ctx", {})
    if code == "too_long":
        return {"limit": context["max_length"]}
    if code == "not_a_multiple":
        return {"step": context["multiple_of"]}
    if code == "out_of_range":
        return _bounds(model, str(detail["loc"][0]))
    if code == "not_one_of":
        return {"choices": ", ".join(_choices(model, str(detail["loc"][0])))}
    return {}


def _bounds(model: type[BaseModel], name: str) -> dict[str, object]:
    bounds: dict[str, object] = {"low": "-∞", "high": "∞"}
    for rule in model.model_fields[name].metadata:
        if isinstance(rule, Ge):
            bounds["low"] = rule.ge
        if isinstance(rule, Le):
            bounds["high"] = rule.le
    return bounds


def _choices(model: type[BaseModel], name: str) -> list[str]:
    def leaves(annotation: Any) -> list[str]:
        parts = get_args(annotation)
        return [text for part in parts for text in ([str(part)] if isinstance(part, str | int) else leaves(part))]

    return leaves(model.model_fields[name].annotation)
