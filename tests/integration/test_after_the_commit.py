"""Once a change is stored its answer says so, whatever fails after the commit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.images import open_image_store
from tests.builders import PARAMS, stored_job
from tests.door_world import GPU, World, png, world


@pytest.fixture
def alices(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[World]:
    with world(database_url, redis_url, tmp_path) as made:
        yield made


def test_a_deleted_conversation_is_gone_though_the_image_store_fails(alices: World, tmp_path: Path) -> None:
    images = open_image_store(f"file://{tmp_path}/images")
    conversation = alices.waiting.conversation_id
    stored_job(alices.store, conversation_id=conversation)
    names = []
    for _ in range(2):
        change = alices.store.claim(GPU, lease_s=60)
        assert change and change.job.conversation_id == conversation
        names.append(images.save(png()))
        alices.store.complete(change.job, image_name=names[-1], params=PARAMS)
    stubborn = tmp_path / "images" / names[0]
    stubborn.unlink()
    stubborn.mkdir()
    assert alices.ask("owner", "DELETE", f"/conversations/{conversation}").status_code == 204
    assert alices.ask("owner", "GET", f"/conversations/{conversation}/messages").status_code == 404
    assert not images.exists(names[1])
