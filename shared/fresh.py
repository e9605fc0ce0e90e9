"""A value that is read again once it is older than it may be, whoever asks how often."""

from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Fresh(Generic[Value]):
    """Keeps what `read_anew` returned for `seconds`.

    While one reads anew because the value grew old, the others are answered with the old one: many who ask at the
    same moment cause one reading. What was forgotten is answered to nobody.
    """

    def __init__(self, read_anew: Callable[[], Value], seconds: float) -> None:
        self._read_anew = read_anew
        self._seconds = seconds
        self._at = float("-inf")
        self._value: Value | None = None
        self._forgotten = 0

    def read(self) -> Value:
        """Return the value, read anew if it is too old."""
        now = monotonic()
        if self._value is not None and now - self._at <= self._seconds:
            return self._value
        before, forgotten = self._at, self._forgotten
        if self._value is not None and before > float("-inf"):
            self._at = now
        try:
            value = self._read_anew()
        except BaseException:
            if forgotten == self._forgotten:
                self._at = before
            raise
        if forgotten == self._forgotten:
            self._value, self._at = value, monotonic()
        return value

    def forget(self) -> None:
        """Read anew at the next question."""
        self._at = float("-inf")
        self._forgotten += 1
