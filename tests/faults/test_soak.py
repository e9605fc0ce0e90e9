"""The quick form of `make chaos`."""

import random

from tests.faults.soak import Soak
from tests.faults.stack import Stack


def test_sixty_jobs_outlive_random_faults(stack: Stack) -> None:
    with stack.guest("gpu2", forge=1):
        verdict = Soak(stack, jobs=60, jobs_a_fault=5, dice=random.Random(60)).run()
    stack.measured.append((f"15 soak of 60 jobs, {verdict.faults.total()} faults: slowest", verdict.slowest[0]))
    assert verdict.clean, str(verdict)
