"""A value that is read anew when it is old: once for all who ask, and never one that was forgotten."""

from collections.abc import Callable

import pytest

from shared.fresh import Fresh

YOUNG_S = 1.0


class Source:
    """Counts its readings; `meanwhile` happens once, while the next reading goes on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.readings = 0
        self.now = 0.0
        self.meanwhile: Callable[[], object] = lambda: None
        self.fresh = Fresh(self._read, YOUNG_S)
        patch.setattr("shared.fresh.monotonic", lambda: self.now)  # a value grows old without waiting for it

    def grow_old(self) -> None:
        self.now += 2 * YOUNG_S

    def _read(self) -> int:
        self.readings += 1
        number, meanwhile, self.meanwhile = self.readings, self.meanwhile, lambda: None
        meanwhile()
        return number


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    return Source(monkeypatch)


def test_keeps_what_was_read_until_it_is_old_or_forgotten(source: Source) -> None:
    assert [source.fresh.read(), source.fresh.read()] == [1, 1]
    source.grow_old()
    assert [source.fresh.read(), source.fresh.read()] == [2, 2]
    source.fresh.forget()
    assert source.fresh.read() == 3


def test_answers_with_the_old_value_while_somebody_reads_anew(source: Source) -> None:
    source.fresh.read()
    source.grow_old()
    heard: list[int] = []
    source.meanwhile = lambda: heard.append(source.fresh.read())
    assert (source.fresh.read(), heard) == (2, [1])


def test_a_value_that_was_forgotten_while_it_was_read_is_not_kept(source: Source) -> None:
    source.meanwhile = source.fresh.forget
    assert [source.fresh.read(), source.fresh.read()] == [1, 2]


def test_what_was_forgotten_is_answered_to_nobody_though_the_reading_failed(source: Source) -> None:
    source.fresh.read()
    source.grow_old()

    def forget_and_fail() -> None:
        source.fresh.forget()
        raise ConnectionError

    source.meanwhile = forget_and_fail
    with pytest.raises(ConnectionError):
        source.fresh.read()
    heard: list[int] = []
    source.meanwhile = lambda: heard.append(source.fresh.read())
    source.fresh.read()
    assert 1 not in heard
