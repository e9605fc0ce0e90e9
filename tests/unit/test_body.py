"""Reading a JSON body costs what its length costs, whatever stands in it."""

from contextlib import suppress
from time import process_time

import pytest

from api.body import MAX_DEPTH, parse_json
from api.door import MAX_BODY_BYTES
from shared.domain.errors import InvalidRequest

#: what a whole body takes is a thousandth of this; the square of its length was half a minute
SOON_S = 1.0
PIECES = [b'\\"', b'"\\', b'"a\\', b'"', b"\\", b'[{"', b"[", b"9", b'\\u005c"', b'{"":']


@pytest.mark.parametrize("start", [b"", b'"', b"["], ids=repr)
@pytest.mark.parametrize("piece", PIECES, ids=repr)
def test_no_body_keeps_a_process_from_the_others(start: bytes, piece: bytes) -> None:
    body = (start + piece * MAX_BODY_BYTES)[:MAX_BODY_BYTES]
    began = process_time()
    with suppress(InvalidRequest):
        parse_json(body)
    assert process_time() - began < SOON_S


@pytest.mark.parametrize("text", ["[", "]", '\\"[', "\\\\", "{}" * 40], ids=repr)
def test_brackets_in_strings_are_no_depth(text: str) -> None:
    nested = b"[" * MAX_DEPTH + b'"' + text.encode() + b'"' + b"]" * MAX_DEPTH
    parse_json(nested)
    with pytest.raises(InvalidRequest) as refused:
        parse_json(b"[" + nested + b"]")
    assert [fault.fault for fault in refused.value.errors] == ["too_deep"]
