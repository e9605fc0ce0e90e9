"""What the doctor says of a PostgreSQL that answers."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from cli import doctor_servers
from cli.doctor_findings import Level
from shared.store import Store

CONNECTING_S, ANSWERING_S = 0.3, 0.002


class FarFirst(Store):
    """A store whose first question takes long, for its connection is made then."""

    passed_s = 0.0

    def clock(self) -> datetime:
        self.passed_s += ANSWERING_S if self.passed_s else CONNECTING_S
        return datetime.now(UTC)


def test_the_time_of_a_question_is_told_without_that_of_connecting(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = FarFirst(database_url)
    clock = SimpleNamespace(monotonic=lambda: asked.passed_s, time=lambda: datetime.now(UTC).timestamp())
    monkeypatch.setattr(doctor_servers, "time", clock)  # how long a connection takes is not ours to choose
    *_, speed = doctor_servers.look_at_postgres(asked, database_url)
    assert (speed.level, speed.text) == (Level.OK, "one question took 2.0 ms")
