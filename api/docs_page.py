"""The OpenAPI document as a page: no script, nothing from elsewhere, its one style sheet allowed by its hash."""

import base64
import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from api.door_headers import content_policy
from api.errors import STATUS
from shared.domain.errors import ErrorCode
from shared.domain.texts import TEXTS

FOLDER = Path(__file__).parent / "docs"

_CODE = re.compile("`([^`]+)`")


@dataclass(frozen=True, slots=True)
class DocsPage:
    """The page and the policy that allows its style sheet."""

    html: str
    content_policy: str


def docs_page(document: dict[str, Any]) -> DocsPage:
    """Return `document` as HTML; an error code `x` has the anchor `#x`, which problems' `type` points at."""
    style = (FOLDER / "docs.css").read_text(encoding="utf-8")
    jinja = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    jinja.filters["words"] = words
    html = jinja.from_string((FOLDER / "docs.html").read_text(encoding="utf-8")).render(
        info=document["info"],
        chapters=_chapters(document),
        objects=_objects(document),
        codes=[(code.value, STATUS.get(code), TEXTS[code.value]) for code in ErrorCode],
        style=style,
    )
    return DocsPage(html, content_policy(style_src=f"'sha256-{_digest(style)}'"))


def words(text: str) -> Markup:
    """Return a text as HTML, what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped in the same line


def kind_of(schema: dict[str, Any]) -> str:
    """Return a schema in a few words: `integer 64…2048, multiple of 8`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(kind_of(choice) for choice in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " · ".join(str(choice) for choice in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    return ", ".join([str(schema.get("type", "anything")), *_bounds(schema)])


def _bounds(schema: dict[str, Any]) -> list[str]:
    low, high = schema.get("minimum"), schema.get("maximum")
    told = [f"{'' if low is None else low}…{'' if high is None else high}"] if (low, high) != (None, None) else []
    if "multipleOf" in schema:
        told.append(f"multiple of {schema['multipleOf']}")
    if "maxLength" in schema:
        told.append(f"at most {schema['maxLength']} characters")
    return told


def _chapters(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    chapters: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            chapters[operation["tags"][0]].append({"method": method.upper(), "path": path} | _shown(operation))
    return chapters


def _shown(operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return {
        "id": operation["operationId"],
        "summary": operation["summary"],
        "about": operation.get("description", ""),
        "public": operation.get("security") == [],
        "parameters": [each | {"kind": kind_of(each["schema"])} for each in operation.get("parameters", [])],
        "body": kind_of(body) if body else "",
        "responses": [
            (status, _carries(reply), reply["description"]) for status, reply in sorted(operation["responses"].items())
        ],
    }


def _carries(reply: dict[str, Any]) -> str:
    schemas = [content["schema"] for content in reply.get("content", {}).values()]
    return next((kind_of(schema) for schema in schemas if "$ref" in schema), "")


def _objects(document: dict[str, Any]) -> list[dict[str, Any]]:
    schemas = document["components"]["schemas"]
    return [
        {"name": name, "about": schema.get("description", ""), "fields": _fields(schema)}
        for name, schema in sorted(schemas.items())
        if "properties" in schema or "enum" in schema
    ]


def _fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    if "enum" in schema:
        word = {"kind": "", "about": "", "required": False, "default": None}
        return [{"name": value} | word for value in schema["enum"]]
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "kind": kind_of(field),
            "about": field.get("description", ""),
            "required": name in required,
            "default": field.get("default"),
        }
        for name, field in schema["properties"].items()
    ]


def _digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
