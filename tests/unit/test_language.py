"""In which language a request is answered."""

import pytest

from api.language import CONFIG_KEY
from tests.door_app import door_app, jwt_settings

EN, TR = "Please sign in.", "Lütfen oturum açın."


@pytest.mark.parametrize(
    ("asked", "default", "told"),
    [
        (None, "tr", TR),
        ("de", "tr", TR),
        ("*", "tr", TR),
        ("*", "en", EN),
        ("de, *;q=0.1", "tr", TR),
        ("tr;q=0.8, en;q=0.8", "en", EN),
        ("en;q=0.8, tr;q=0.8", "tr", TR),
        ("en, *;q=0.5", "tr", EN),
        ("tr;q=0, *", "tr", EN),
        ("en-GB;q=0.9, tr;q=0.8", "tr", EN),
        ("tr-TR, en;q=0.9", "en", TR),
        ("tr-TR, en-US;q=0.9, en;q=0.8", "en", TR),
        ("TR-tr", "en", TR),
        ("en;q=0", "en", EN),
        ("en;q=0, *;q=0.1", "en", TR),
        ("trx, en;q=0.1", "tr", EN),
        ("tr;q=much", "en", EN),
    ],
)
def test_it_is_the_one_asked_for_most(asked: str | None, default: str, told: str) -> None:
    app = door_app(jwt_settings())
    app.config[CONFIG_KEY] = default
    headers = {} if asked is None else {"Accept-Language": asked}
    assert app.test_client().get("/me", headers=headers).get_json()["title"] == told
