"""A worker dies, freezes or is replaced: its job runs again, first in line, and nothing twice."""

import signal

from tests.faults.stack import LEASE_S, MARGIN_S, RESCUE_S, Stack, job_of


def test_a_killed_child_costs_its_job_a_second_attempt_before_those_who_waited(stack: Stack) -> None:
    stack.forge.settings(step_seconds=0.5)
    first, *others = stack.submit_many(4)
    stack.running(first)
    stack.parts["gpu1"].child().kill()
    stack.wait_job(first, lambda job: job.attempt == 2, timeout_s=10)
    stack.forge.settings(step_seconds=0.005)
    stack.wait_all([first, *others])
    assert stack.order_drawn() == [first, *others]
    assert [job_of(entry) for entry in stack.seen("interrupt")] == [first]
    stack.assert_clean([first, *others])
