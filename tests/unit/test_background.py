"""What nobody waits for: what comes fast goes together, what comes alone goes at once."""

from queue import Queue

import pytest

from shared.background import Background

PATIENCE_S = 10.0


@pytest.mark.parametrize(("most", "together"), [(10, [2, 3, 4]), (2, [3, 4])], ids=["all", "the newest, past the most"])
def test_what_comes_while_it_rests_goes_together(most: int, together: list[int]) -> None:
    worked: Queue[list[int]] = Queue()
    background = Background("numbers", worked.put, most=most, rest_s=0.5)
    background.put(1)
    assert worked.get(timeout=PATIENCE_S) == [1]
    for number in (2, 3, 4):
        background.put(number)
    assert worked.get(timeout=PATIENCE_S) == together


def test_work_that_breaks_ends_nothing() -> None:
    worked: Queue[list[int]] = Queue()

    def work(numbers: list[int]) -> None:
        worked.put(numbers)
        raise ValueError(numbers)

    background = Background("numbers", work, most=10)
    for number in (1, 2):
        background.put(number)
        assert worked.get(timeout=PATIENCE_S) == [number]
