"""What the relay needs of the rest of the process, as it needs it."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from shared.domain.identity import Identity

#: an event of the store's and the typed members it is for
Addressed = tuple[frozenset[str], dict[str, Any]]


class Place(NamedTuple):
    """Where one waiting job stands, and whose it is (typed members)."""

    audience: frozenset[str]
    job_id: str
    queue_position: int
    eta_seconds: int | None


class LineView(NamedTuple):
    """The waiting line at one moment; `queue` holds waiting, processing, held, paused, retry_at."""

    queue: dict[str, Any]
    places: Sequence[Place]


class Feed(Protocol):
    """The truth, read from the store; every method may wait, and may raise ForgelineError when the store is away."""

    def snapshot(self, identity: Identity) -> dict[str, Any]:
        """Return `{"jobs": […], "queue": {…}, "truncated": bool}` of one user."""

    def line(self, members: Collection[str]) -> LineView:
        """Return the line's totals and the places of the jobs of these typed members."""

    def changes_since(self, seq: int, present: Callable[[], Collection[str]]) -> tuple[int, Iterable[Addressed]]:
        """Return the newest change sequence and the `image_progress` events of the jobs changed after `seq`.

        Those of nobody who is `present` (typed members, asked after the look at the store) may be left out.
        A number is taken before its transaction commits, so jobs changed shortly before may be among them again.
        """

    def latest_seq(self) -> int:
        """Return the newest change sequence."""


class TokenReader(Protocol):
    """Who a token belongs to."""

    def from_token(self, token: str) -> Identity:
        """Return the identity; raises Unauthenticated."""
