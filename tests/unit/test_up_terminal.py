"""What `forgeline up` prints first: where everything runs, and no password."""

import pytest

from cli.up_plan import Plan
from cli.up_terminal import introduce
from shared.settings import Settings


def test_what_runs_where_is_told_without_logins(capsys: pytest.CaptureFixture[str]) -> None:
    given = {
        "DATABASE_URL": "postgresql://me:secret@[::1]:5432/pictures?sslmode=require",
        "REDIS_URL": "sentinel://:secret@s1:26379,s2,[::1]:26379/main/1",
        "FORGE_URL": "http://me:secret@forge:7860/sd",
    }
    introduce(Plan.of(Settings.from_env(given, while_up=False), ()))
    told = capsys.readouterr().out
    assert "postgresql://[::1]:5432 (yours)" in told
    assert "sentinel://s1:26379,s2,[::1]:26379 (yours)" in told
    assert "http://forge:7860\n" in told
    assert "secret" not in told
