"""The document and its page: complete, current, and of nobody's but our making."""

import json
import re
from typing import Any

import pytest
from flask import Flask

from api.app import create_app
from api.openapi import openapi_document
from api.openapi_routes import ROUTES
from shared.domain.errors import ErrorCode
from shared.domain.params import GenerateRequest, RequestLimits
from shared.settings import Settings
from tests.door_app import door_app

#: Served, but no part of the HTTP interface that the document describes.
UNDESCRIBED = {("GET", "/assets/{}"), ("GET", "/ws")}


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app(Settings(database_url="postgresql://nobody/x", redis_url="redis://127.0.0.1:1"))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_document(RequestLimits(max_prompt_chars=123, max_steps=7), asks_for_tokens=True)


def shape(path: str) -> str:
    """Return a path with its parameters unnamed."""
    return re.sub(r"<[^>]*>|\{[^}]*\}", "{}", path)


def test_every_route_is_described_and_every_described_one_is_served(app: Flask) -> None:
    served = {
        (method, shape(rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served - UNDESCRIBED == {(route.method, shape(route.path)) for route in ROUTES}


def test_every_public_path_is_public_in_the_document_and_no_other(app: Flask) -> None:
    client = app.test_client()
    document = openapi_document(RequestLimits(), asks_for_tokens=True)
    for route in ROUTES:
        described = document["paths"][route.path][route.method.lower()]
        assert (described.get("security") == []) is route.public
    assert client.get("/openapi.json").status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/images/placeholder.svg"])
def test_what_has_an_etag_is_described_with_its_conditions(app: Flask, document: dict[str, Any], path: str) -> None:
    client = app.test_client()
    etag = client.get(path).headers["ETag"]
    conditions: tuple[dict[str, str], ...] = ({}, {"If-None-Match": etag}, {"If-Match": '"another"'})
    answered = [client.get(path, headers=headers).status_code for headers in conditions]
    assert answered == [200, 304, 412]
    assert {str(status) for status in answered} <= set(document["paths"][path]["get"]["responses"])


def test_the_limits_shown_are_this_servers(document: dict[str, Any]) -> None:
    fields = document["components"]["schemas"]["GenerateRequest"]["properties"]
    assert (fields["prompt"]["maxLength"], fields["steps"]["maximum"]) == (123, 7)
    assert set(fields) == set(GenerateRequest.model_fields)


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names)) == len(ROUTES)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found: Any = document
        for step in reference.split("/"):
            found = found[step]


def test_local_mode_asks_for_no_token() -> None:
    assert "security" not in openapi_document(RequestLimits(), asks_for_tokens=False)


def test_the_page_needs_nothing_from_elsewhere_and_no_script() -> None:
    answer = door_app(Settings()).test_client().get("/docs")
    html = answer.get_data(as_text=True)
    assert "<script" not in html and "http://" not in html and "https://" not in html and "style=" not in html
    policy = answer.headers["Content-Security-Policy"]
    assert "style-src 'sha256-" in policy and "unsafe" not in policy


def test_every_code_has_its_anchor_and_both_its_texts() -> None:
    html = door_app(Settings()).test_client().get("/docs").get_data(as_text=True)
    for code in ErrorCode:
        assert f'<tr id="{code.value}">' in html


def test_both_are_asked_for_again_only_when_changed() -> None:
    client = door_app(Settings()).test_client()
    for path in ("/openapi.json", "/docs"):
        etag = client.get(path).headers["ETag"]
        assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
