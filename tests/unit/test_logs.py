"""In text, whoever is not of this installation writes neither to the operator's terminal nor lines of its own."""

import json
import subprocess
import sys

from flask import Flask

from api.access import init_access
from api.errors import init_errors

#: an application whose one route breaks, asked for a path that clears the screen, and for one that begins a line
SPOKEN = """
from tests.unit.test_logs import broken_app
from shared import logs
from shared.settings import Settings
logs.configure(Settings.from_env({}, while_up=False))
asked = broken_app().test_client()
asked.get("/missing/%1b[2Jx")
asked.get("/breaks/%1b[31mred%0a2026-01-01 a line of its own")
logs.get_logger("a").info("gün – ışık", name="a\\u2028b", count=3)
"""

#: an API that was given a short secret proves a token by it, and a library warns of something
WARNED = """
import warnings, jwt
from api.auth_keys import TokenKeys
from shared import logs
from shared.settings import Settings
settings = Settings.from_env({"LOG_FORMAT": "json", "AUTH_MODE": "jwt", "JWT_SECRET": "short"}, while_up=False)
logs.configure(settings)
key, algorithm = TokenKeys(settings).key_for({"alg": "HS256"})
jwt.decode(jwt.encode({}, key, algorithm), key, [algorithm])
warnings.warn("this is\\nnot the way")
"""


def broken_app() -> Flask:
    """An application that tells of its requests and its errors as the API does."""
    app = Flask(__name__)
    init_errors(app)
    init_access(app)

    @app.get("/breaks/<_name>")
    def breaks(_name: str) -> str:
        raise RuntimeError("first line\nsecond line")

    return app


def test_what_a_stranger_sends_is_shown_and_not_obeyed() -> None:
    spoken = subprocess.run([sys.executable, "-c", SPOKEN], capture_output=True, text=True, check=True).stderr
    assert "\x1b" not in spoken
    missing, unforeseen, *traceback, broken, own = spoken.rstrip("\n").split("\n")
    assert r"path=/missing/\x1b[2Jx" in missing
    assert r"GET /breaks/\x1b[31mred\n2026-01-01 a line of its own" in unforeseen
    assert traceback[0].startswith("Traceback") and traceback[-2:] == ["RuntimeError: first line", "second line"]
    assert r"\x1b[31mred" in broken and "status=500" in broken
    assert "gün – ışık" in own and r"name=a\u2028b" in own and "count=3" in own


def test_in_json_a_warning_of_pythons_is_an_object_too_and_a_short_secret_is_told_once() -> None:
    spoken = subprocess.run([sys.executable, "-c", WARNED], capture_output=True, text=True, check=True).stderr
    short, other = [json.loads(line)["event"] for line in spoken.splitlines()]
    assert short == "JWT_SECRET is short; use 32 bytes or more"
    assert "UserWarning: this is\nnot the way" in other
