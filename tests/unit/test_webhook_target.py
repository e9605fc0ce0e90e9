"""Where a webhook's connection may really go."""

import socket
from typing import Any

import pytest

from beat.webhook_target import TargetRefused, checked_addresses, may_be_reached
from beat.webhooks import FIRST_PAUSE_S, MOST_TRIES, pause_s

REACHED = [
    ("93.184.215.14", "hooks.example.com", ("hooks.example.com",), True),
    ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", "hooks.example.com", ("hooks.example.com",), True),
    ("10.0.0.5", "hooks.example.com", ("hooks.example.com",), False),
    ("10.0.0.5", "hooks.internal", ("hooks.internal", "10.0.0.5"), True),
    ("10.0.0.6", "hooks.internal", ("hooks.internal", "http://10.0.0.5:80"), False),
    ("127.0.0.1", "hooks.example.com", ("hooks.example.com",), False),
    ("127.0.0.1", "hooks.example.com", ("hooks.example.com", "localhost"), False),
    ("127.0.0.1", "localhost", ("localhost",), True),
    ("::1", "localhost", ("localhost",), True),
    ("10.0.0.5", "localhost", ("localhost",), False),
    ("169.254.169.254", "hooks.example.com", ("hooks.example.com",), False),
    ("100.64.0.1", "hooks.example.com", ("hooks.example.com",), False),
    ("0.0.0.0", "hooks.example.com", ("hooks.example.com",), False),
    ("224.0.0.1", "hooks.example.com", ("hooks.example.com",), False),
    ("::ffff:10.0.0.5", "hooks.example.com", ("hooks.example.com",), False),
    ("::ffff:93.184.215.14", "hooks.example.com", ("hooks.example.com",), False),
    ("64:ff9b::a00:5", "hooks.example.com", ("hooks.example.com",), False),
    ("2002:a00:5::1", "hooks.example.com", ("hooks.example.com",), False),
    ("fd00::1", "hooks.example.com", ("hooks.example.com",), False),
    ("fe80::1%eth0", "hooks.example.com", ("hooks.example.com",), False),
]


@pytest.mark.parametrize(
    ("address", "host", "hosts", "expected"), REACHED, ids=[f"{a} for {h}" for a, h, *_ in REACHED]
)
def test_a_private_address_is_reached_only_when_named(
    address: str, host: str, hosts: tuple[str, ...], expected: bool
) -> None:
    assert may_be_reached(address, host, hosts) is expected


def test_a_name_is_looked_up_once_and_its_answer_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["93.184.215.14", "127.0.0.1"])

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)  # no name server of ours would answer
    hosts = ("hooks.example.com",)
    assert checked_addresses("https://hooks.example.com/x", hosts) == [("93.184.215.14", 443)]
    with pytest.raises(TargetRefused, match=r"leads to 127\.0\.0\.1"):
        checked_addresses("https://hooks.example.com/x", hosts)


def test_a_host_that_was_taken_off_the_list_is_not_called_any_more() -> None:
    with pytest.raises(TargetRefused, match="WEBHOOK_HOSTS"):
        checked_addresses("https://127.0.0.1/x", ("hooks.example.com",))


def test_pauses_grow_to_about_a_day_in_all() -> None:
    pauses = [pause_s(tries, 0.5) for tries in range(1, MOST_TRIES)]
    known = [pause for pause in pauses if pause is not None]
    assert known[0] == FIRST_PAUSE_S
    assert known == sorted(known)
    assert len(known) == MOST_TRIES - 1
    assert 24 * 3600 < sum(known) < 30 * 3600
    assert pause_s(MOST_TRIES, 0.5) is None


def test_pauses_are_spread() -> None:
    assert pause_s(3, 0.0) == pytest.approx(64)
    assert pause_s(3, 1.0) == pytest.approx(96)
