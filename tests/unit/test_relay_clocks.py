"""The relay's two wheels."""

from hypothesis import given
from hypothesis import strategies as st

from api.relay.clocks import RESOLUTION_S, Deadlines, Turns


def test_a_moment_comes_once_and_not_early() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("a", 10.1)
    assert deadlines.due(10.0) == []
    assert deadlines.due(10.1 + RESOLUTION_S) == ["a"]
    assert deadlines.due(99.0) == []
    assert len(deadlines) == 0


def test_a_newer_moment_replaces_the_older() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("a", 10.0)
    deadlines.set("a", 20.0)
    assert deadlines.due(15.0) == []
    assert deadlines.due(20.5) == ["a"]


def test_a_moment_in_the_past_comes_at_the_next_look() -> None:
    deadlines: Deadlines[str] = Deadlines()
    assert deadlines.due(100.0) == []
    deadlines.set("a", 3.0)
    assert deadlines.due(100.0 + RESOLUTION_S) == ["a"]


@given(
    moments=st.dictionaries(st.integers(0, 50), st.floats(0, 60), max_size=50),
    cleared=st.sets(st.integers(0, 50)),
    steps=st.lists(st.floats(0.01, 20), min_size=1, max_size=30),
)
def test_every_moment_comes_exactly_once_and_in_time(
    moments: dict[int, float], cleared: set[int], steps: list[float]
) -> None:
    deadlines: Deadlines[int] = Deadlines()
    for item, at in moments.items():
        deadlines.set(item, at)
    for item in cleared:
        deadlines.clear(item)
    expected = {item: at for item, at in moments.items() if item not in cleared}
    now = 0.0
    for step in [*steps, 100.0]:
        now += step
        due = deadlines.due(now)
        assert len(due) == len(set(due))
        for item in due:
            assert expected.pop(item) <= now
        assert all(at > now - RESOLUTION_S for at in expected.values())
    assert not expected
    assert len(deadlines) == 0


def test_everyone_has_one_turn_a_round() -> None:
    turns: Turns[str] = Turns(4)
    turns.add("a")
    assert [turns.next() for _ in range(8)] == [(), (), (), ("a",)] * 2


def test_who_left_has_no_turn() -> None:
    turns: Turns[str] = Turns(2)
    turns.add("a")
    turns.remove("a")
    turns.remove("a")
    assert [turns.next(), turns.next()] == [(), ()]
    assert len(turns) == 0
