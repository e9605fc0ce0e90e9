"""The page's files, as a browser gets them."""

import gzip
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.static import init_static
from shared.domain.errors import ForgelineError

SCRIPT = "console.log('forgeline');\n" * 100


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Forgeline</title>" + " " * 500)
    (tmp_path / "assets" / "index-abc123.js").write_text(SCRIPT)
    (tmp_path / "assets" / "font.woff2").write_bytes(bytes(range(256)))
    return tmp_path


def client_of(folder: Path) -> FlaskClient:
    app = Flask("static", static_folder=None)
    init_static(app, folder)
    app.register_error_handler(ForgelineError, lambda error: (error.code.value, 404))
    return app.test_client()


@pytest.fixture
def client(dist: Path) -> FlaskClient:
    return client_of(dist)


def test_the_page_is_asked_for_again_every_time_and_its_assets_never(client: FlaskClient) -> None:
    page, script = client.get("/"), client.get("/assets/index-abc123.js")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-cache"
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert script.text == SCRIPT


def test_text_is_compressed_for_who_accepts_it(client: FlaskClient) -> None:
    zipped = client.get("/assets/index-abc123.js", headers={"Accept-Encoding": "br, gzip"})
    plain = client.get("/assets/index-abc123.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert gzip.decompress(zipped.data).decode() == plain.text == SCRIPT
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in zipped.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert zipped.headers["ETag"] != plain.headers["ETag"]


def test_what_does_not_shrink_is_sent_as_it_is(client: FlaskClient) -> None:
    font = client.get("/assets/font.woff2", headers={"Accept-Encoding": "gzip"})
    assert font.data == bytes(range(256))
    assert "Content-Encoding" not in font.headers


def test_a_known_etag_is_answered_with_304(client: FlaskClient) -> None:
    headers = {"Accept-Encoding": "gzip"}
    etag = client.get("/", headers=headers).headers["ETag"]
    again = client.get("/", headers=headers | {"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == etag


def test_the_same_files_give_the_same_bytes_in_every_process(dist: Path) -> None:
    headers = {"Accept-Encoding": "gzip"}
    first, second = (client_of(dist).get("/", headers=headers) for _ in range(2))
    assert first.data == second.data
    assert first.headers["ETag"] == second.headers["ETag"]


def test_head_answers_without_the_body(client: FlaskClient) -> None:
    head = client.head("/assets/index-abc123.js")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == str(len(SCRIPT))


@pytest.mark.parametrize(
    "path", ["/assets/missing.js", "/assets/../index.html", "/assets/%2e%2e/index.html", "/assets/"]
)
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_without_a_built_page_only_the_page_is_missing(tmp_path: Path) -> None:
    assert client_of(tmp_path / "nowhere").get("/").status_code == 404
