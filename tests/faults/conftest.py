"""One stack for all faults that one Forge can show; each test begins with everything in health."""

from collections.abc import Iterator

import pytest

from tests.faults.stack import Stack, running


@pytest.fixture(scope="session")
def one_gpu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with one Forge, for the whole run."""
    with running(tmp_path_factory.mktemp("one")) as stack:
        yield stack


@pytest.fixture
def stack(one_gpu: Stack) -> Stack:
    """The stack in health, its witness's log empty."""
    one_gpu.settle()
    return one_gpu
