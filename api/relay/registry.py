"""Who is connected: typed members to sockets.

A socket stands under each member of its identity, and leaves as itself: a second socket of the same user is never
touched by the first one's end.
"""

from collections.abc import Collection, Iterable
from typing import Generic, Protocol, TypeVar


class Known(Protocol):
    """What a registered socket tells of itself."""

    @property
    def members(self) -> frozenset[str]:
        """The typed identity set."""

    @property
    def user_id(self) -> str:
        """Whose it is."""


S = TypeVar("S", bound=Known)


class Registry(Generic[S]):
    """Every authenticated, open socket of this process."""

    def __init__(self) -> None:
        self._all: set[S] = set()
        self._by_member: dict[str, set[S]] = {}
        self._by_user: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, socket: S) -> None:
        """Let `socket` receive the events of its members."""
        self._all.add(socket)
        self._by_user[socket.user_id] = self._by_user.get(socket.user_id, 0) + 1
        for member in socket.members:
            self._by_member.setdefault(member, set()).add(socket)

    def remove(self, socket: S) -> None:
        """Forget `socket`; nothing happens when it was not there."""
        if socket not in self._all:
            return
        self._all.remove(socket)
        self._by_user[socket.user_id] -= 1
        if not self._by_user[socket.user_id]:
            del self._by_user[socket.user_id]
        for member in socket.members:
            self._by_member[member].discard(socket)
            if not self._by_member[member]:
                del self._by_member[member]

    def audience(self, members: Iterable[str]) -> Collection[S]:
        """Return the sockets under any of `members`, each once; a copy."""
        found = [sockets for member in members if (sockets := self._by_member.get(member))]
        return tuple(found[0]) if len(found) == 1 else set().union(*found)

    def everyone(self) -> Collection[S]:
        """Return all sockets; a copy."""
        return tuple(self._all)

    def members(self) -> Collection[str]:
        """Return every member with an open socket; a copy."""
        return tuple(self._by_member)

    def sockets_of(self, user_id: str) -> int:
        """Return how many sockets of one user are open here."""
        return self._by_user.get(user_id, 0)
