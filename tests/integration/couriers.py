"""Couriers, their outbox and what is due, for tests."""

from typing import Any

from sqlalchemy import text

from beat.webhooks import Courier
from shared.domain.jobs import Job
from shared.settings import Settings
from shared.store import Store
from tests.builders import ALICE, stored_job

SECRET = "an old-fashioned secret"
SOON_S = 10.0


def courier_of(store: Store, **settings: str) -> Courier:
    """Return a courier that may call this machine."""
    given = {"WEBHOOK_HOSTS": "127.0.0.1, localhost", "WEBHOOK_SECRET": SECRET, **settings}
    return Courier(store, Settings.from_env(given, while_up=False))


def cancelled_job(store: Store, url: str) -> Job:
    """A job that ended: its callback stands in the outbox."""
    job = stored_job(store, callback_url=url)
    return store.cancel_job(job.job_id, ALICE).job


def deliver(courier: Courier) -> None:
    """Deliver what is due, to the end."""
    courier.send_due()
    assert courier.finish(SOON_S)


def outbox(store: Store) -> list[dict[str, Any]]:
    """Return the outbox, oldest first, with the seconds until each is due."""
    query = "SELECT *, extract(epoch FROM next_at - clock_timestamp()) AS due_in_s FROM webhook_outbox ORDER BY id"
    with store.engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query)).mappings()]


def make_due(store: Store, **values: object) -> None:
    """Make all that wait due now, with these SQL values."""
    assignments = ", ".join(f"{name} = {value}" for name, value in {"next_at": "now()", **values}.items())
    with store.engine.begin() as connection:
        connection.execute(text(f"UPDATE webhook_outbox SET {assignments}"))
