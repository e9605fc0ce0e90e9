"""The backup and the restore of docs/operations.md, run as they are written there."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from cli.embedded_postgres import EmbeddedPostgres, programs
from shared.images import open_image_store
from shared.store import Claimant, Store
from shared.store.schema import pending_migrations
from tests.builders import stored_job
from tests.compose_file import PROGRAMS, ROOT
from tests.stack import clean_environment


def commands(name: str) -> str:
    found = re.search(rf"<!-- {name}: .*?-->\n```sh\n(.*?)```", (ROOT / "docs/operations.md").read_text(), re.DOTALL)
    assert found
    return found[1]


def run(name: str, folder: Path, database_url: str, data_dir: Path) -> None:
    path = os.pathsep.join([str(programs()), str(PROGRAMS), os.environ["PATH"]])
    environment = clean_environment({"DATABASE_URL": database_url, "DATA_DIR": str(data_dir), "PATH": path})
    script = ["/bin/sh", "-eu", "-c", commands(name)]
    done = subprocess.run(script, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def elsewhere(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address of another, empty database."""
    connection = psycopg2.connect(postgres.url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS elsewhere")
        cursor.execute("CREATE DATABASE elsewhere")
        yield postgres.url.rpartition("/")[0] + "/elsewhere"
        cursor.execute("DROP DATABASE elsewhere WITH (FORCE)")
    connection.close()


def test_what_was_kept_comes_back(store: Store, database_url: str, elsewhere: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    there.mkdir()
    images = open_image_store((here / "images").as_uri())
    done, waiting = stored_job(store), stored_job(store)
    claimed = store.claim(Claimant("gpu1@a", "b", "http://f"), lease_s=30)
    assert claimed and claimed.job.job_id == done.job_id
    name = images.save(b"a picture")
    store.complete(claimed.job, image_name=name, params=claimed.job.params)
    run("backup", tmp_path, database_url, here)
    run("restore", tmp_path, elsewhere, there)
    assert pending_migrations(elsewhere) == []
    restored = Store(elsewhere)
    assert restored.job(done.job_id) == store.job(done.job_id)
    assert [job_id for job_id, _, _ in restored.waiting_scores()] == [waiting.job_id]
    with open_image_store((there / "images").as_uri()).open(name) as picture:
        assert picture.read() == b"a picture"
    restored.close()
