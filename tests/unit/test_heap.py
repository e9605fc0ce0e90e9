"""Freed memory that the C library keeps goes back to the system."""

import ctypes

import psutil
import pytest

from shared import heap

BLOCK = 100_000
BLOCKS = 400


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="only glibc gives memory back on demand")
def test_what_lies_free_between_things_in_use_is_given_back() -> None:
    blocks = [bytearray(BLOCK) for _ in range(BLOCKS)]
    in_use = blocks[::40]
    del blocks
    before = psutil.Process().memory_full_info().uss
    heap.give_back()
    given_back = before - psutil.Process().memory_full_info().uss
    assert given_back > BLOCK * BLOCKS / 2
    assert len(in_use) == BLOCKS / 40


def test_a_c_library_that_cannot_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())  # musl has no such function, and is not here
    heap.give_back()
