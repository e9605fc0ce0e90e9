"""A busy line does not freeze the page."""

import itertools
import random
import time

from playwright.sync_api import expect

from tests.e2e.studio import Studio

JOBS = 200
EVENTS_PER_S = 20
FOR_S = 5.0
LONGEST_TASK_MS = 200

WATCH_TASKS = """() => {
  window.longTasks = [];
  new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((it) => it.duration)))
    .observe({ type: 'longtask' });
}"""


def test_two_hundred_waiting_jobs_and_twenty_events_a_second_keep_the_page_quick(studio: Studio) -> None:
    world = studio.server.world
    jobs = [studio.submit(f"picture {number}")["job_id"] for number in range(JOBS)]
    studio.open()
    expect(studio.bars).to_have_count(JOBS)
    studio.page.evaluate(WATCH_TASKS)
    dice = random.Random(7)
    begun = time.monotonic()
    for count in itertools.count(1):
        job = world.view(dice.choice(jobs))
        world.tell("local", {"type": "image_progress", "job": {**job, "version": job["version"] + count}})
        if count % (EVENTS_PER_S // 2) == 0:
            world.hold(False)  # tells everybody's places anew
        due = begun + count / EVENTS_PER_S
        studio.page.wait_for_timeout(max(0, (due - time.monotonic()) * 1000))  # the pace is what is tested
        if due - begun >= FOR_S:
            break
    tasks = studio.page.evaluate("() => window.longTasks")
    assert max(tasks, default=0) <= LONGEST_TASK_MS
    expect(studio.bars).to_have_count(JOBS)
