"""Who is connected."""

from dataclasses import dataclass
from typing import Any

from api.relay.registry import Registry
from shared.domain.identity import audience_of


@dataclass(frozen=True, eq=False)
class Socket:
    user_id: str
    username: str | None = None

    @property
    def outbox(self) -> Any:
        return f"outbox of {id(self)}"

    @property
    def members(self) -> frozenset[str]:
        return audience_of(self.user_id, self.username)


def registry_of(*sockets: Socket) -> Registry[Socket]:
    registry: Registry[Socket] = Registry()
    for socket in sockets:
        registry.add(socket)
    return registry


def test_an_event_reaches_a_socket_by_its_id_or_its_name_but_once() -> None:
    alice = Socket("42", "alice")
    registry = registry_of(alice, Socket("7", "bob"))
    assert set(registry.audience({"id:42"})) == set(registry.audience({"name:alice"})) == {alice}
    assert registry.audience({"id:42", "name:alice"}) == {alice: alice.outbox}


def test_a_users_sockets_are_served_in_the_order_in_which_they_came() -> None:
    sockets = [Socket("42", "alice") for _ in range(50)]
    registry = registry_of(*sockets)
    registry.remove(sockets.pop(7))
    assert list(registry.audience({"id:42", "name:alice"})) == sockets


def test_someone_named_like_another_users_id_does_not_get_their_events() -> None:
    registry = registry_of(Socket("7", "42"))
    assert not registry.audience(audience_of("42", "alice"))


def test_the_end_of_one_socket_leaves_the_users_other_one_registered() -> None:
    first, second = Socket("42", "alice"), Socket("42", "alice")
    registry = registry_of(first, second)
    registry.remove(first)
    registry.remove(first)
    assert list(registry.audience({"id:42"})) == [second]
    assert registry.sockets_of("42") == 1


def test_nothing_is_left_of_sockets_that_have_gone() -> None:
    sockets = [Socket(str(number % 7), f"u{number % 7}") for number in range(100)]
    registry = registry_of(*sockets)
    for socket in sockets:
        registry.remove(socket)
    assert len(registry) == 0
    assert not registry.members()
    assert registry.sockets_of("1") == 0
