"""The real application over real servers, with things in it that belong to alice."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from api.app import create_app
from shared import redis_link
from shared.domain.errors import ErrorCode
from shared.domain.jobs import Job, Stage
from shared.images import open_image_store
from shared.previews import Previews
from shared.store import Claimant, Store
from tests import tokens
from tests.builders import ADMIN, ALICE, BOB, PARAMS, stored_job
from tests.door_app import jwt_settings

GENEROUS: dict[str, Any] = {"rate_limit": "1000000/second", "max_queue": 1_000_000, "max_jobs_per_user": 1_000_000}
GPU = Claimant("gpu1@host", "boot-1", "http://10.0.0.9:7860")
#: BOB calls himself by alice's user id, which must open nothing.
ASKING = {
    "owner": tokens.bearer(ALICE.user_id, preferred_username=ALICE.username),
    "other": tokens.bearer(BOB.user_id, preferred_username=ALICE.user_id, roles=["user", "Admin", "administrator"]),
    "admin": tokens.bearer(ADMIN.user_id, preferred_username="root", roles=["admin"]),
    "nobody": {},
}


@dataclass(frozen=True)
class World:
    """What there is, all of it alice's."""

    app: Flask
    store: Store
    waiting: Job
    working: Job
    complete: Job
    failed: Job
    cancelled: Job
    image: str

    @property
    def client(self) -> FlaskClient:
        """A client without a cookie."""
        return self.app.test_client(use_cookies=False)

    def ask(self, who: str, method: str, path: str, **more: Any) -> TestResponse:
        """Send one request as `owner`, `other`, `admin` or `nobody`."""
        headers = ASKING[who] | more.pop("headers", {})
        return self.client.open(path, method=method, headers=headers, **more)

    @property
    def secrets(self) -> list[str]:
        """What nobody but alice (and admins) may find in an answer."""
        jobs = (self.waiting, self.working, self.complete, self.failed, self.cancelled)
        return [self.image, *(job.job_id for job in jobs), *(job.conversation_id for job in jobs), self.waiting.prompt]


def png(side: int = 64) -> bytes:
    """Return a small picture."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(file, "PNG")
    return file.getvalue()


@contextmanager
def world(database_url: str, redis_url: str, folder: Path, **settings: Any) -> Iterator[World]:
    """Build the application and alice's things; the servers must be empty."""
    chosen = jwt_settings(database_url=database_url, redis_url=redis_url, data_dir=folder, **(GENEROUS | settings))
    app = create_app(chosen)
    store = Store(database_url)
    image = open_image_store(chosen.image_store).save(png())
    complete, failed, working = (_claimed(store) for _ in range(3))
    store.complete(complete, image_name=image, params=PARAMS)
    store.fail(failed, ErrorCode.STUCK, retryable=True)
    store.save_progress(working, progress=10, stage=Stage.SAMPLING)
    Previews(redis_link.connect(redis_url, decode=False)).save(working.job_id, b"\xff\xd8preview")
    cancelled = stored_job(store)
    store.cancel_job(cancelled.job_id, ALICE)
    waiting = stored_job(store, prompt="alice's own words")
    try:
        yield World(app, store, waiting, working, complete, failed, cancelled, image)
    finally:
        store.close()
        app.extensions["forgeline"].store.close()


def _claimed(store: Store) -> Job:
    stored_job(store)
    change = store.claim(GPU, lease_s=60)
    assert change is not None
    return change.job
