"""One stack for all faults; each test begins with everything in health. At the end: how long each recovery took."""

from collections.abc import Iterator

import pytest

from tests.faults.stack import Stack, running

_measured: list[tuple[str, float]] = []


@pytest.fixture(scope="session")
def whole_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with one worker and two Forges, for the whole run."""
    with running(tmp_path_factory.mktemp("faults")) as stack:
        yield stack
        _measured.extend(stack.measured)


@pytest.fixture
def stack(whole_stack: Stack) -> Stack:
    """The stack in health, its witness's log empty."""
    whole_stack.settle()
    return whole_stack


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the recoveries."""
    if _measured:
        terminalreporter.section("recoveries")
        for fault, took_s in _measured:
            terminalreporter.write_line(f"{took_s:7.2f} s  {fault}")
