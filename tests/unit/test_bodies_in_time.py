"""A body is read whole, and who sends it in many pieces takes turns with the others."""

import io
from collections.abc import Callable, Iterable
from typing import Any

import gevent
import pytest

from api.bodies_in_time import AT_ONCE, BodiesInTime
from api.door import MAX_BODY_BYTES

CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked"}


@pytest.mark.parametrize("declared", [CHUNKED, {"CONTENT_LENGTH": str(MAX_BODY_BYTES)}], ids=["chunks", "one length"])
def test_others_have_turns_while_a_body_is_read(declared: dict[str, str]) -> None:
    body, turns, told = b"x" * MAX_BODY_BYTES, [0], [b""]

    def application(environ: dict[str, Any], _: Callable[..., Any]) -> Iterable[bytes]:
        told[0] = environ["wsgi.input"].read()
        return []

    def count() -> None:
        while True:
            turns[0] += 1
            gevent.sleep(0)

    counting = gevent.spawn(count)
    BodiesInTime(application)({"wsgi.input": io.BytesIO(body), **declared}, lambda *_: None)
    counting.kill()
    assert told == [body] and turns[0] >= MAX_BODY_BYTES // AT_ONCE // 2
