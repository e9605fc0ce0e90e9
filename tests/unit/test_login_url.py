"""A 401 says where to sign in, so that the page, a static file, learns it."""

import pytest
from flask import Flask

from api.errors import LOGIN_URL_KEY, init_errors
from shared.domain.errors import NotFound, Unauthenticated


def answered(login_url: str | None, error: type[Exception]) -> dict[str, object]:
    """Return the problem a request for a refused route gets."""
    app = Flask(__name__)
    app.config[LOGIN_URL_KEY] = login_url
    init_errors(app)

    def refused() -> str:
        raise error

    app.add_url_rule("/refused", view_func=refused)
    problem: dict[str, object] = app.test_client().get("/refused").get_json(force=True)
    return problem


def test_a_401_names_the_operators_address() -> None:
    assert answered("https://login.example.org/", Unauthenticated)["login_url"] == "https://login.example.org/"


@pytest.mark.parametrize(("login_url", "error"), [(None, Unauthenticated), ("https://login.example.org/", NotFound)])
def test_other_answers_name_none(login_url: str | None, error: type[Exception]) -> None:
    assert "login_url" not in answered(login_url, error)
