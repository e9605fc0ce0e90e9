"""The looks at Forge go over one connection, which is replaced when it broke, and handed on at the end."""

from __future__ import annotations

from typing import Any, cast

import pytest

from shared.domain.failures import FailureKind
from worker.forge import ForgeClient
from worker.forge_failure import ForgeFailure
from worker.forge_looks import Looks
from worker.forge_progress import Sample
from worker.forge_wire import Exchange


class Link:
    """A connection that Forge or we may close."""

    def __init__(self, forge: Forge) -> None:
        self._forge = forge
        self.is_open = True

    def connect(self) -> None:
        if self._forge.away:
            self.is_open = False
            raise ForgeFailure(FailureKind.UNREACHABLE, "refused", gone=True)

    def close(self) -> None:
        self.is_open = False


class Forge:
    """Answers over any connection that is open."""

    def __init__(self) -> None:
        self.away = False
        self.links: list[Link] = []
        self.asked_over: list[Link] = []

    def exchange(self) -> Link:
        self.links.append(Link(self))
        return self.links[-1]

    def progress(self, *, over: Link, **_: Any) -> Sample:
        if not over.is_open:
            raise ForgeFailure(FailureKind.UNREACHABLE, "closed")
        self.asked_over.append(over)
        return Sample(job_count=1)


def looks(forge: Forge, *, hands_on: bool = True) -> Looks:
    return Looks(cast(ForgeClient, forge), hands_on=hands_on)


def test_goes_over_one_connection_that_ends_with_it() -> None:
    forge = Forge()
    with looks(forge) as at_forge:
        for _ in range(3):
            at_forge.take()
    assert forge.asked_over == [forge.links[0]] * 3
    assert [link.is_open for link in forge.links] == [False]


def test_replaces_a_connection_that_forge_has_closed() -> None:
    forge = Forge()
    with looks(forge) as at_forge:
        at_forge.take()
        forge.links[0].is_open = False
        assert at_forge.take().job_count == 1
    assert len(forge.links) == 2


def test_tells_that_forge_is_away_and_looks_again_when_it_is_back() -> None:
    forge = Forge()
    forge.away = True
    with looks(forge) as at_forge:
        with pytest.raises(ForgeFailure, match="refused"):
            at_forge.take()
        forge.away = False
        assert at_forge.take().job_count == 1
    assert not any(link.is_open for link in forge.links)


def test_hands_its_connection_on_to_one_taker_who_may_keep_it() -> None:
    forge = Forge()
    with looks(forge) as at_forge:
        at_forge.take()
        at_forge.hand_on()
    taken = at_forge.fetch()
    assert taken is cast(Exchange, forge.links[0]) and taken.is_open
    assert at_forge.fetch() is None


@pytest.mark.parametrize("why", ["nobody wants it", "somebody came too early", "Forge ended it with its last answer"])
def test_hands_nothing_on_and_leaves_nothing_open(why: str) -> None:
    forge = Forge()
    with looks(forge, hands_on=why != "nobody wants it") as at_forge:
        at_forge.take()
        if why == "somebody came too early":
            assert at_forge.fetch() is None
        forge.links[0].is_open = not why.startswith("Forge")
        at_forge.hand_on()
    assert at_forge.fetch() is None
    assert not any(link.is_open for link in forge.links)
