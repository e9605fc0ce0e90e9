"""What nobody waits for: what comes fast goes together, what comes alone goes at once."""

from queue import Queue

from shared.background import Background

PATIENCE_S = 10.0


def test_what_comes_while_it_rests_goes_together() -> None:
    worked: Queue[list[int]] = Queue()
    background = Background("numbers", worked.put, most=10, rest_s=0.5)
    background.put(1)
    assert worked.get(timeout=PATIENCE_S) == [1]
    for number in (2, 3, 4):
        background.put(number)
    assert worked.get(timeout=PATIENCE_S) == [2, 3, 4]


def test_past_the_most_the_oldest_are_dropped() -> None:
    worked: Queue[list[int]] = Queue()
    background = Background("numbers", worked.put, most=2, rest_s=0.5)
    background.put(1)
    assert worked.get(timeout=PATIENCE_S) == [1]
    for number in (2, 3, 4):
        background.put(number)
    assert worked.get(timeout=PATIENCE_S) == [3, 4]


def test_work_that_breaks_ends_nothing() -> None:
    worked: Queue[list[int]] = Queue()

    def work(numbers: list[int]) -> None:
        worked.put(numbers)
        raise ValueError(numbers)

    background = Background("numbers", work, most=10)
    for number in (1, 2):
        background.put(number)
        assert worked.get(timeout=PATIENCE_S) == [number]
