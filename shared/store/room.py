"""Whether the line surely has room, judged without counting it at every submission.

Every job that enters the line takes a ticket. So since the line was counted, at most as many jobs came as tickets were
taken, and a few more: those put back, and those that had a ticket but were not yet stored when it was counted.
"""

from dataclasses import dataclass

#: those few more; a line nearer to its cap than this is counted
SLACK = 200


@dataclass(frozen=True, slots=True)
class Count:
    """How many waited when the one with this ticket came."""

    ticket: int
    waiting: int


class Room:
    """What one process remembers of the line's length."""

    def __init__(self) -> None:
        self._last: Count | None = None

    def surely(self, ticket: int, max_queue: int) -> bool:
        """Whether one more with `ticket` stays under the cap, whatever happened since the last count."""
        last = self._last
        if last is None or ticket < last.ticket:
            return False
        return last.waiting + (ticket - last.ticket) + SLACK < max_queue

    def counted(self, count: Count) -> None:
        """Remember a count."""
        self._last = count
