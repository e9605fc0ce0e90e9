"""The running API keeps to its own OpenAPI document, whatever it is sent: schemathesis, with every check it knows."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis
from shared.domain.errors import ErrorCode
from shared.images import open_image_store
from shared.store import Store
from tests import services, tokens
from tests.api_server import GENEROUS, ApiServer, api_server
from tests.builders import ALICE, PARAMS, stored_job
from tests.door_world import GPU, png

EXAMPLES = "25"
#: Two things no JSON Schema can say: what a cursor is made of, and which things exist.
CONFIG = """
[[operations]]
include-name = "GET /conversations"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 422]

[[operations]]
include-path = "/images/{{name}}"
parameters = {{ "path.name" = "{image}" }}

[[operations]]
include-path = ["/image/job/{{id}}/status", "/image/job/{{id}}/retry"]
parameters = {{ "path.id" = "{failed}" }}

[[operations]]
include-path = ["/image/job/{{id}}/front", "/image/job/{{id}}/cancel"]
parameters = {{ "path.id" = "{waiting}" }}
"""


@pytest.fixture(scope="module")
def server(
    postgres: EmbeddedPostgres, redis_server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """The API as it is served, over an empty database."""
    services.empty_database(postgres.url)
    images = tmp_path_factory.mktemp("images").as_uri()
    with api_server(postgres.url, redis_server.url, IMAGE_STORE=images, **GENEROUS) as running:
        yield running


@pytest.fixture(scope="module")
def known_things(server: ApiServer, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration that names things there are, so that more than 404 is met."""
    store = Store(postgres.url)
    image = open_image_store(server.settings["IMAGE_STORE"]).save(png())
    for end in ("complete", "fail"):
        stored_job(store)
        change = store.claim(GPU, lease_s=60)
        assert change is not None
        failed = change.job
        if end == "complete":
            store.complete(failed, image_name=image, params=PARAMS)
        else:
            store.fail(failed, ErrorCode.STUCK, retryable=True)
    waiting = stored_job(store)
    store.close()
    config = tmp_path_factory.mktemp("config") / "schemathesis.toml"
    config.write_text(CONFIG.format(image=image, failed=failed.job_id, waiting=waiting.job_id))
    return config


def run(server: ApiServer, *options: str, folder: Path) -> None:
    """Run schemathesis against `server`; fails with its report."""
    token = tokens.token(ALICE.user_id, roles=["admin"], ends_in_s=3600)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", *options, "run", server.url("/openapi.json")),
        *("--checks", "all", "--max-examples", EXAMPLES, "--seed", "20", "--continue-on-failure", "--no-color"),
        *("--header", f"Authorization: Bearer {token}"),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.mark.timeout(300)
def test_every_operation_keeps_to_the_document(server: ApiServer, known_things: Path, tmp_path: Path) -> None:
    run(server, "--config-file", str(known_things), folder=tmp_path)
