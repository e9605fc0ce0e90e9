"""One worker process's runner on a real database, Redis and stand-in, its wake-ups run in the test's own thread."""

import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import create_engine, text

from shared.domain.jobs import Job
from shared.settings import Settings
from shared.store import Store
from shared.store.connected import driver_url
from tests.builders import stored_job
from tests.demo_process import DemoForge
from tests.waiting import wait_for
from worker.composition import compose

SMALL = {
    "negative_prompt": "", "width": 64, "height": 64, "steps": 4, "cfg_scale": 1.0, "distilled_cfg_scale": 3.5,
    "sampler_name": "Euler", "scheduler": "Simple", "seed": -1, "model": None,
}  # fmt: skip
STOP_S = 1.0


class Worker:
    """A runner whose wake-ups run in the test's own thread, and what a test wants to know about it."""

    def __init__(self, settings: Settings, store: Store, demo: DemoForge) -> None:
        self.settings, self.store, self.demo = settings, store, demo
        self.runner = compose(settings, "gpu1@test", stop_s=STOP_S)
        self.bench = self.runner.bench

    def job(self, **params: Any) -> Job:
        """Store a small job."""
        return stored_job(self.store, params={**SMALL, **params})

    def job_of_admin(self, *, priority: int) -> Job:
        """Store a small job of another priority."""
        return stored_job(self.store, params=SMALL, priority=priority)

    def row(self, job: Job) -> Job:
        """Return the job as it is now."""
        found = self.store.job(job.job_id)
        assert found is not None
        return found

    def wake_up(self, *, meanwhile: Callable[[], object] | None = None) -> None:
        """Let it work; `meanwhile` runs in a thread of its own."""
        helper = threading.Thread(target=meanwhile) if meanwhile else None
        if helper:
            helper.start()
        self.runner.wake_up()
        if helper:
            helper.join(20)

    def wake_up_until_ended(self, job: Job) -> None:
        """Let it work again and again, as wake-ups that are handed back do."""

        def ended() -> bool:
            self.runner.wake_up()
            return self.row(job).terminal

        wait_for(ended, what="the job to end")

    def pictures(self) -> list[str]:
        """Return the names of all stored pictures."""
        return [path.name for path in (self.settings.data_dir / "images").glob("*.png")]

    def wake_ups(self) -> int | None:
        """Return how many wake-ups the broker holds."""
        return self.runner.bell.unheard()

    def steal_forge(self, *, seconds: float) -> None:
        """Let another worker hold the Forge; in one step, or a heartbeat could come between."""
        theft = text(
            "UPDATE forge_leases SET worker = 'gpu2@elsewhere', boot_id = 'elsewhere/1/1.0/x',"
            " lease_until = now() + make_interval(secs => :seconds) WHERE forge = :forge"
        )
        engine = create_engine(driver_url(str(self.settings.database_url)))
        with engine.begin() as connection:
            taken = connection.execute(theft, {"seconds": seconds, "forge": self.bench.claimant.forge})
        engine.dispose()
        assert taken.rowcount == 1


def order(worker: Worker, count: int) -> list[str]:
    """Return the tasks in the order in which Forge got them."""
    return [entry["task"] for entry in worker.demo.wait_for("arrive", count=count)]


def hold_the_first_picture(worker: Worker) -> threading.Event:
    """Let the first picture be stored only when the event is set."""
    release, save = threading.Event(), worker.bench.saver.save

    def wait_then_save(image: Any) -> str:
        release.wait(20)
        return save(image)

    worker.bench.saver.save = wait_then_save  # type: ignore[method-assign]
    return release
