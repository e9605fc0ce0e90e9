"""The doctor at a Redis that answers questions and takes nothing: its disk is full, or cannot be written."""

from collections.abc import Iterator
from typing import cast

import pytest
import redis

from cli.doctor_findings import Level
from cli.doctor_servers import look_at_redis
from cli.embedded_redis import EmbeddedRedis
from shared.redis_link import connect
from tests import services
from tests.waiting import wait_for


@pytest.fixture
def full_redis() -> Iterator[EmbeddedRedis]:
    """A Redis that could not save: a folder stands where its file should be."""
    with services.redis_server() as server, redis.Redis.from_url(server.url) as client:
        (server.folder / "dump.rdb").mkdir()
        client.config_set("save", "3600 1")
        client.bgsave()
        wait_for(lambda: cast(dict[str, str], client.info("persistence"))["rdb_last_bgsave_status"] == "err")
        with pytest.raises(redis.ResponseError, match="MISCONF"):
            client.set("anything", 1)
        yield server
        client.config_set("save", "")  # or it would not end: it could not save before


def test_a_redis_that_cannot_save_is_told_as_one_that_takes_no_writes(full_redis: EmbeddedRedis) -> None:
    found = list(look_at_redis(connect(full_redis.url)))
    (wrong,) = [one for one in found if one.level is Level.FAULT]
    assert "takes no writes" in wrong.text and "cannot be reached" not in wrong.text
    assert "make room on its disk" in wrong.mend and "bgsave" in wrong.mend
    assert any("MB" in one.text for one in found), "the rest is looked at all the same"
