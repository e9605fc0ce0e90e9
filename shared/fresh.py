"""A value that is read again once it is older than it may be, whoever asks how often."""

from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Fresh(Generic[Value]):
    """Keeps what `read_anew` returned for `seconds`."""

    def __init__(self, read_anew: Callable[[], Value], seconds: float) -> None:
        self._read_anew = read_anew
        self._seconds = seconds
        self._at = float("-inf")
        self._value: Value | None = None

    def read(self) -> Value:
        """Return the value, read anew if it is too old."""
        if self._value is None or monotonic() - self._at > self._seconds:
            self._value = self._read_anew()
            self._at = monotonic()
        return self._value

    def forget(self) -> None:
        """Read anew at the next question."""
        self._at = float("-inf")
