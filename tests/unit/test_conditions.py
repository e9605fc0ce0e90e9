"""A request's conditions and ranges mean what RFC 9110 says of them, in its order."""

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from api.errors import init_errors
from api.replies import conditionally

WHOLE = b"0123456789"
OURS, OTHER = '"ours"', '"other"'


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("conditions", static_folder=None)
    init_errors(app)

    @app.get("/picture")
    def picture() -> Response:
        response = Response(WHOLE, mimetype="image/png")
        response.set_etag("ours")
        return conditionally(response, length=len(WHOLE))

    return app.test_client()


@pytest.mark.parametrize(
    ("headers", "status", "part"),
    [
        ({"Range": "bytes=2-4"}, 206, b"234"),
        ({"Range": "bytes=2-4", "If-None-Match": OURS}, 304, b""),
        ({"Range": "bytes=2-4", "If-None-Match": f"W/{OURS}"}, 304, b""),
        ({"Range": "bytes=2-4", "If-None-Match": "*"}, 304, b""),
        ({"Range": "bytes=2-4", "If-None-Match": OTHER}, 206, b"234"),
        ({"Range": "bytes=2-4", "If-Match": OTHER}, 412, None),
        ({"Range": "bytes=2-4", "If-Match": OURS}, 206, b"234"),
        ({"Range": "bytes=2-4", "If-Range": OURS}, 206, b"234"),
        ({"Range": "bytes=2-4", "If-Range": OTHER}, 200, WHOLE),
        ({"Range": "bytes=2-4", "If-Match": "*"}, 206, b"234"),
        ({"If-Match": "*"}, 200, WHOLE),
        ({"Range": "bytes=99-"}, 416, None),
        ({"Range": "bytes=99-", "If-None-Match": OURS}, 304, b""),
        ({"Range": "bytes=0-1,4-5"}, 200, WHOLE),
        ({"Range": "pages=1-2"}, 200, WHOLE),
        ({"Range": "pages=first"}, 200, WHOLE),
    ],
)
def test_a_get_is_answered_as_its_conditions_say(
    client: FlaskClient, headers: dict[str, str], status: int, part: bytes | None
) -> None:
    answer = client.get("/picture", headers=headers)
    assert (answer.status_code, part is None or answer.data == part) == (status, True)
    assert ("Content-Range" in answer.headers) is (status in (206, 416))


def test_a_head_tells_of_the_whole_whatever_part_is_asked_for(client: FlaskClient) -> None:
    answer = client.head("/picture", headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.headers["Content-Length"], answer.data) == (200, str(len(WHOLE)), b"")
