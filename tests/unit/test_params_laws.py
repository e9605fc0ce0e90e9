"""Laws of reading a request, whatever the request."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidRequest
from shared.domain.params import GenerateRequest, ReportedLists, RequestLimits, parse_generate

LIMITS = RequestLimits()
LISTS = ReportedLists(frozenset({"Euler"}), frozenset({"Simple"}), frozenset({"flux"}))


@given(st.text(min_size=1, max_size=50).filter(lambda text: "\0" not in text and any(c.isalnum() for c in text)))
def test_unicode_stays_as_it_is(prompt: str) -> None:
    assert parse_generate({"prompt": prompt}, LIMITS).prompt == prompt


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*GenerateRequest.model_fields, "zz"]), JSON_VALUES))
def test_any_object_is_a_request_or_a_list_of_faults(body: dict[str, Any]) -> None:
    try:
        request = parse_generate(body, LIMITS, LISTS)
    except InvalidRequest as error:
        assert error.errors and all(fault.message("tr") for fault in error.errors)
        json.dumps([fault.message("en") + fault.field for fault in error.errors], ensure_ascii=False).encode()
    else:
        assert parse_generate(request.model_dump(), LIMITS, LISTS) == request
