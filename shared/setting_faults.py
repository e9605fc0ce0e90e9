"""What is wrong with the settings, told as a whole."""

from collections.abc import Iterable
from typing import NamedTuple


class Fault(NamedTuple):
    """One wrong setting: its name and what is wrong with it."""

    name: str
    message: str


class SettingsError(ValueError):
    """The settings are wrong; `faults` names every one of them."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        lines = "\n".join(f"  {fault.name}: {fault.message}" for fault in self.faults)
        super().__init__(f"wrong settings:\n{lines}")
