"""The laws of the deep merge."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.metadata import deep_merge

leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
keys = st.sampled_from("abcd")
objects = st.dictionaries(keys, st.recursive(leaves, lambda inner: st.dictionaries(keys, inner), max_leaves=8))
#: every value at one depth is of one kind, so no key changes between object and leaf
shaped = st.dictionaries(keys, st.dictionaries(keys, leaves))


@given(objects)
def test_merging_nothing_changes_nothing(one: dict[str, Any]) -> None:
    assert deep_merge(one, {}) == one == deep_merge({}, one)


@given(objects, objects)
def test_every_leaf_of_the_right_side_wins(left: dict[str, Any], right: dict[str, Any]) -> None:
    def wins(merged: Any, value: Any) -> bool:
        if isinstance(value, dict):
            return all(wins(merged[key], inner) for key, inner in value.items())
        return bool(merged == value)

    assert wins(deep_merge(left, right), right)


@given(objects, objects)
def test_keys_the_update_does_not_name_stay(left: dict[str, Any], right: dict[str, Any]) -> None:
    merged = deep_merge(left, right)
    assert all(merged[key] == left[key] for key in left.keys() - right.keys())
    assert merged.keys() == left.keys() | right.keys()


@given(shaped, shaped, shaped)
def test_it_is_associative_while_shapes_agree(one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]) -> None:
    assert deep_merge(deep_merge(one, two), three) == deep_merge(one, deep_merge(two, three))


@given(objects, objects)
def test_neither_side_is_changed(left: dict[str, Any], right: dict[str, Any]) -> None:
    before = repr((left, right))
    deep_merge(left, right)["a"] = "changed"
    assert repr((left, right)) == before


def test_null_replaces_and_does_not_delete() -> None:
    assert deep_merge({"a": {"b": 1}, "c": 2}, {"a": None}) == {"a": None, "c": 2}
