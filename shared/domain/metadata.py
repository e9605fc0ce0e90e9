"""The deep merge of message metadata, and its laws.

* identity: `deep_merge(a, {}) == a` and `deep_merge({}, b) == b`
* right wins: every leaf of the right side stands in the result
* unnamed keys stay: what the right side does not name is as it was
* null replaces; it does not delete
* associative while no key changes between object and non-object
"""

from collections.abc import Mapping
from typing import Any

Json = Any


def deep_merge(current: Mapping[str, Json], update: Mapping[str, Json]) -> dict[str, Json]:
    """Return `current` with `update` merged in; objects merge key by key, all else replaces.

    Neither argument is changed, and the result shares no mutable object with them at the
    levels it merges.
    """
    merged = dict(current)
    for key, value in update.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = deep_merge(before, value)
        else:
            merged[key] = value
    return merged
