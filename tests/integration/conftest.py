"""One demo renderer for all tests of this folder, clean at the start of each that asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.demo_process import DemoForge
from tests.forge_caller import Caller


@pytest.fixture(scope="session")
def demo_process() -> Iterator[DemoForge]:
    """A demo renderer for the whole run."""
    with DemoForge() as demo:
        yield demo


@pytest.fixture
def demo(demo_process: DemoForge) -> DemoForge:
    """The demo renderer, idle, without faults, its log empty."""
    demo_process.reset()
    return demo_process


@pytest.fixture
def caller(demo: DemoForge) -> Caller:
    """Someone who has images rendered by it."""
    return Caller(demo)
