"""Events travel whole, and reach whom they name."""

import json

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.events import HEARTBEAT, LINE_MOVED, Kind, decode, encode
from shared.domain.identity import audience_of

names = st.text(min_size=1, max_size=20)


@given(names, names | st.none(), st.text())
def test_an_event_comes_out_as_it_went_in(user_id: str, username: str | None, prompt: str) -> None:
    event = {"type": "image_progress", "job": {"prompt": prompt}}
    envelope = decode(encode(audience_of(user_id, username), event))
    assert envelope is not None and envelope.kind is Kind.TO
    assert envelope.audience == audience_of(user_id, username)
    assert json.loads(envelope.body) == event


def test_the_username_42_is_not_the_user_42() -> None:
    assert audience_of("42", None).isdisjoint(audience_of("7", "42"))


def test_signals_carry_no_body() -> None:
    for message, kind in ((LINE_MOVED, Kind.LINE), (HEARTBEAT, Kind.BEAT)):
        envelope = decode(message)
        assert envelope is not None and (envelope.kind, envelope.body) == (kind, b"")


@given(st.binary(max_size=40))
def test_a_foreign_message_is_passed_over(message: bytes) -> None:
    envelope = decode(message)
    assert envelope is None or envelope.kind in Kind
