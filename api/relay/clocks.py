"""Two wheels, so that ten thousand sockets need no timers of their own.

Both are plain data: a caller with a clock turns them.
"""

import math
from collections.abc import Hashable
from typing import Generic, TypeVar

H = TypeVar("H", bound=Hashable)

RESOLUTION_S = 0.25


class Deadlines(Generic[H]):
    """At most one moment per item; `due(now)` returns whose has come, at most RESOLUTION_S late."""

    def __init__(self) -> None:
        self._slots: dict[int, set[H]] = {}
        self._slot_of: dict[H, int] = {}
        self._turned_to: int | None = None

    def __len__(self) -> int:
        return len(self._slot_of)

    def set(self, item: H, at: float) -> None:
        """Give `item` the moment `at` (seconds of the caller's clock) instead of any other it had."""
        self.clear(item)
        slot = math.ceil(at / RESOLUTION_S)
        if self._turned_to is not None:
            slot = max(slot, self._turned_to + 1)
        self._slots.setdefault(slot, set()).add(item)
        self._slot_of[item] = slot

    def clear(self, item: H) -> None:
        """Take the moment of `item` away."""
        slot = self._slot_of.pop(item, None)
        if slot is None:
            return
        self._slots[slot].discard(item)
        if not self._slots[slot]:
            del self._slots[slot]

    def due(self, now: float) -> list[H]:
        """Take out and return the items whose moment has come."""
        last = math.floor(now / RESOLUTION_S)
        if self._turned_to is None or last - self._turned_to > len(self._slots):
            slots = [slot for slot in self._slots if slot <= last]
        else:
            slots = [slot for slot in range(self._turned_to + 1, last + 1) if slot in self._slots]
        self._turned_to = last
        items = [item for slot in sorted(slots) for item in self._slots.pop(slot)]
        for item in items:
            del self._slot_of[item]
        return items


class Turns(Generic[H]):
    """Every item has its turn once in `slots` calls of `next`; items that come together have it together."""

    def __init__(self, slots: int) -> None:
        self._slots: list[set[H]] = [set() for _ in range(slots)]
        self._slot_of: dict[H, int] = {}
        self._now = 0

    def __len__(self) -> int:
        return len(self._slot_of)

    def add(self, item: H) -> None:
        """Put `item` where its first turn is a whole round away."""
        self._slots[self._now].add(item)
        self._slot_of[item] = self._now

    def remove(self, item: H) -> None:
        """Take `item` out; nothing happens when it was not there."""
        slot = self._slot_of.pop(item, None)
        if slot is not None:
            self._slots[slot].discard(item)

    def next(self) -> tuple[H, ...]:
        """Return the items whose turn it is now; a copy."""
        self._now = (self._now + 1) % len(self._slots)
        return tuple(self._slots[self._now])
