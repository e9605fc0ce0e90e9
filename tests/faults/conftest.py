"""One stack for all faults; each test begins with everything in health. At the end: how long each recovery took."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults.stack import Stack, running

RECOVERY = "recovery"


@pytest.fixture(scope="session")
def whole_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with one worker and two Forges, for the whole run (of this process, when several share the tests)."""
    with running(tmp_path_factory.mktemp("faults")) as stack:
        yield stack


@pytest.fixture
def stack(whole_stack: Stack, record_property: Callable[[str, object], None]) -> Iterator[Stack]:
    """The stack in health, its witness's log empty."""
    whole_stack.settle()
    whole_stack.measured.clear()
    yield whole_stack
    for measured in whole_stack.measured:
        record_property(RECOVERY, measured)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the recoveries; they travel in the tests' reports, so from every process."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind if _is_last(report)]
    measured = [tuple(value) for report in reports for name, value in report.user_properties if name == RECOVERY]
    if measured:
        terminalreporter.section("recoveries")
        for fault, took_s in sorted(measured):
            terminalreporter.write_line(f"{took_s:7.2f} s  {fault}")


def _is_last(report: object) -> bool:
    return isinstance(report, pytest.TestReport) and report.when == "teardown"
