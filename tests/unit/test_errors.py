"""Every error has a code, a status, a temper and texts in two languages."""

import re
from collections.abc import Iterator
from string import Formatter

import pytest

from api.errors import STATUS, status_of
from shared.domain.errors import TEMPORARY, ErrorCode, FieldFault, ForgelineError, error_text
from shared.domain.texts import FAULT_TEXTS, LOCALES, TEXTS

#: ends of jobs, never an HTTP answer
OF_JOBS = {
    ErrorCode.FORGE_TIMEOUT,
    ErrorCode.FORGE_UNAVAILABLE,
    ErrorCode.FORGE_REJECTED,
    ErrorCode.FORGE_OUT_OF_MEMORY,
    ErrorCode.FORGE_BAD_RESPONSE,
    ErrorCode.MODEL_NOT_FOUND,
    ErrorCode.STUCK,
    ErrorCode.WORKER_LOST,
    ErrorCode.EXPIRED,
    ErrorCode.CANCELLED,
}


def classes(root: type[ForgelineError] = ForgelineError) -> Iterator[type[ForgelineError]]:
    """Walk the tree."""
    yield root
    for child in root.__subclasses__():
        yield from classes(child)


def test_every_code_has_a_text_in_every_language() -> None:
    assert set(TEXTS) == set(ErrorCode)
    assert all(set(texts) == set(LOCALES) for texts in (*TEXTS.values(), *FAULT_TEXTS.values()))


@pytest.mark.parametrize("texts", [*TEXTS.values(), *FAULT_TEXTS.values()])
def test_the_languages_of_a_text_take_the_same_values(texts: dict[str, str]) -> None:
    wanted = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in texts.values()]
    if texts is not TEXTS["stuck"]:
        assert wanted[0] == wanted[1]


def test_every_raised_error_has_an_http_status_and_no_end_of_a_job_has() -> None:
    assert {error.code for error in classes()} <= set(STATUS)
    assert set(STATUS) == set(ErrorCode) - OF_JOBS


def test_the_docstring_of_the_tree_names_every_class() -> None:
    import shared.domain.errors as module

    assert all(error.__name__ in str(module.__doc__) for error in classes() if error.__module__ == module.__name__)


def test_the_two_promised_texts_are_word_for_word() -> None:
    timeout = error_text(ErrorCode.FORGE_TIMEOUT, "tr", seconds="180")
    assert timeout == "Forge API zaman aşımına uğradı (180s). Lütfen tekrar deneyin."
    assert error_text(ErrorCode.STUCK, "tr") == "İşlem zaman aşımına uğradı (Stuck Job Guard)"


def test_an_unknown_language_is_answered_in_english() -> None:
    assert error_text(ErrorCode.NOT_FOUND, "de") == TEXTS["not_found"]["en"]


def test_a_fault_says_its_limits() -> None:
    fault = FieldFault("steps", "out_of_range", {"low": 1, "high": 150})
    assert fault.message("en") == "This must be between 1 and 150."


def test_temper_follows_the_code() -> None:
    assert ErrorCode.QUEUE_FULL in TEMPORARY and ErrorCode.INVALID_REQUEST not in TEMPORARY
    assert all(status_of(error()) >= 400 for error in classes())


@pytest.mark.parametrize("text", [text["en"] for text in (*TEXTS.values(), *FAULT_TEXTS.values())])
def test_an_english_text_is_right_for_one_as_for_many(text: str) -> None:
    said = text.format_map({name: 1 for _, name, _, _ in Formatter().parse(text) if name})
    assert not re.search(r"\b1 (\w+ )?\w+s\b", said), said
