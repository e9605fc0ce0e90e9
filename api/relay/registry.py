"""Who is connected: typed members to sockets.

A socket stands under each member of its identity, and leaves as itself: a second socket of the same user is never
touched by the first one's end.

They are kept in the order in which they came, each with its outbox: a fan-out to thousands costs the more, the farther
apart in memory, the kernel's too, lies what it touches from one to the next.
"""

from collections.abc import Collection, Iterable
from typing import Generic, Protocol, TypeVar

from api.relay.outbox import Outbox


class Known(Protocol):
    """What a registered socket tells of itself."""

    @property
    def members(self) -> frozenset[str]:
        """The typed identity set."""

    @property
    def user_id(self) -> str:
        """Whose it is."""

    @property
    def outbox(self) -> Outbox:
        """Its way out."""


S = TypeVar("S", bound=Known)


class Registry(Generic[S]):
    """Every authenticated, open socket of this process."""

    def __init__(self) -> None:
        self._all: dict[S, None] = {}
        self._by_member: dict[str, dict[S, Outbox]] = {}
        self._by_user: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, socket: S) -> None:
        """Let `socket` receive the events of its members."""
        self._all[socket] = None
        self._by_user[socket.user_id] = self._by_user.get(socket.user_id, 0) + 1
        for member in socket.members:
            self._by_member.setdefault(member, {})[socket] = socket.outbox

    def remove(self, socket: S) -> None:
        """Forget `socket`; nothing happens when it was not there."""
        if socket not in self._all:
            return
        del self._all[socket]
        self._by_user[socket.user_id] -= 1
        if not self._by_user[socket.user_id]:
            del self._by_user[socket.user_id]
        for member in socket.members:
            del self._by_member[member][socket]
            if not self._by_member[member]:
                del self._by_member[member]

    def audience(self, members: Iterable[str]) -> dict[S, Outbox]:
        """Return the sockets under any of `members`, each once, with their outboxes; a copy."""
        found: dict[S, Outbox] = {}
        for member in members:
            found |= self._by_member.get(member, {})
        return found

    def everyone(self) -> Collection[S]:
        """Return all sockets; a copy."""
        return tuple(self._all)

    def members(self) -> Collection[str]:
        """Return every member with an open socket; a copy."""
        return tuple(self._by_member)

    def sockets_of(self, user_id: str) -> int:
        """Return how many sockets of one user are open here."""
        return self._by_user.get(user_id, 0)
