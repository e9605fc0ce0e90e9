"""The OpenAPI 3.1 document, made of the declarations that are at work: request model, queries, answers, error codes.

openapi_document(limits, …)   the document, with this server's limits in it
openapi_routes(settings)      GET /openapi.json and GET /docs
"""

from collections import defaultdict
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from api.answers import JobAnswer, Problem
from api.body import request_limits
from api.docs_page import DocsPage, docs_page
from api.errors import PROBLEM, STATUS
from api.openapi_parts import Content, Reply, Route
from api.openapi_routes import ROUTES
from api.queries import IDEMPOTENCY_HEADER, KEY_PATTERN, MAX_KEY_CHARS
from api.replies import conditionally
from shared.domain.errors import ErrorCode, error_text
from shared.domain.events import to_json
from shared.domain.params import GenerateRequest, RequestLimits, request_model
from shared.settings import Settings

COMPONENTS = "#/components/schemas/"
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {"description": "Names this request in the logs; yours, if you sent one.", "type": "string"},
    "Location": {"description": "Where the job is.", "type": "string", "format": "uri-reference"},
    "Retry-After": {"description": "Seconds to wait.", "type": "integer", "minimum": 1},
    "ETag": {"description": "For If-None-Match.", "type": "string"},
    "Content-Range": {"description": "Which part this is.", "type": "string"},
    "Content-Disposition": {"description": "A good file name, with `download=1`.", "type": "string"},
    "Set-Cookie": {"description": "The session.", "type": "string"},
}
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "forgeline_session", "description": "Of POST /session."},
}
ABOUT = """A prompt goes in, a picture comes out, nothing is lost.

Errors are `application/problem+json` (RFC 9457): programs read `code`, people read `detail`, in the language of
`Accept-Language` (`en`, `tr`). A request's faults are told all at once, in `errors`.

Live changes come over the WebSocket `/ws`."""


def openapi_routes(settings: Settings) -> Blueprint:
    """Return the routes of the document and of its readable form."""
    routes = Blueprint("openapi", __name__)
    as_json, page = _written(request_limits(settings), settings.auth_mode == "jwt")

    @routes.get("/openapi.json")
    def openapi_json() -> Response:
        return _cached(Response(as_json, mimetype="application/json"))

    @routes.get("/docs")
    def docs() -> Response:
        answer = Response(page.html, mimetype="text/html")
        answer.headers["Content-Security-Policy"] = page.content_policy
        return _cached(answer)

    return routes


@lru_cache(maxsize=4)
def _written(limits: RequestLimits, asks_for_tokens: bool) -> tuple[bytes, DocsPage]:
    """Made once for the same limits: nothing else takes as long when an application is made."""
    document = openapi_document(limits, asks_for_tokens=asks_for_tokens)
    return to_json(document), docs_page(document)


def openapi_document(limits: RequestLimits, *, asks_for_tokens: bool) -> dict[str, Any]:
    """Return the document for a server with these limits."""
    schemas = _Schemas(limits)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in ROUTES:
        paths[route.path][route.method.lower()] = _operation(route, schemas)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Forgeline", "version": "1", "description": ABOUT},
        "paths": dict(paths),
        "webhooks": {"jobEnded": {"post": _webhook(schemas)}},
        "components": {"schemas": schemas.components, "headers": _headers()},
    }
    if asks_for_tokens:
        document["components"]["securitySchemes"] = SECURITY
        document["security"] = [{name: []} for name in SECURITY]
    return document


class _Schemas:
    """The JSON Schemas of all declarations, by reference."""

    def __init__(self, limits: RequestLimits) -> None:
        self._limited: dict[type[BaseModel], type[BaseModel]] = {GenerateRequest: request_model(limits)}
        self._references, found = models_json_schema(list(self._declared()), ref_template=COMPONENTS + "{model}")
        self.components: dict[str, Any] = _untitled(found["$defs"])

    def of(self, model: type[BaseModel], mode: JsonSchemaMode = "serialization") -> dict[str, Any]:
        """Return a reference to what a `model` looks like coming in (validation) or going out."""
        return self._references[self._limited.get(model, model), mode]

    def content(self, content: Content) -> dict[str, Any]:
        """Return an OpenAPI content map."""
        return {
            media_type: {"schema": self.of(schema) if isinstance(schema, type) else schema}
            for media_type, schema in content.items()
        }

    def _declared(self) -> set[tuple[type[BaseModel], JsonSchemaMode]]:
        models: set[tuple[type[BaseModel], JsonSchemaMode]] = {(Problem, "serialization")}
        for route in ROUTES:
            contents = [schema for reply in route.replies.values() for schema in reply.content.values()]
            models |= {(schema, "serialization") for schema in contents if isinstance(schema, type)}
            if route.body is not None:
                models.add((self._limited.get(route.body, route.body), "validation"))
        return models


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "tags": [route.tag],
        "summary": route.summary,
        "description": route.about,
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": _refusals(route, schemas)
        | {str(status): _reply(reply, schemas) for status, reply in route.replies.items()},
    }
    if route.body is not None:
        body = {"application/json": {"schema": schemas.of(route.body, "validation")}}
        operation["requestBody"] = {"required": route.body_required, "content": body}
    if route.public:
        operation["security"] = []
    return {name: value for name, value in operation.items() if value not in ("", []) or name == "security"}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = _untitled(route.query.model_json_schema())
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": field.pop("description", ""),
            "schema": _without_null(field),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    if not route.takes_key:
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS, "pattern": KEY_PATTERN}
    about = "The same key and body give the same job, also when sent twice at once."
    return [{"name": IDEMPOTENCY_HEADER, "in": "header", "required": False, "description": about, "schema": schema}]


def _refusals(route: Route, schemas: _Schemas) -> dict[str, Any]:
    by_status: dict[int, list[ErrorCode]] = defaultdict(list)
    for code in dict.fromkeys(route.all_refusals):
        for status in _statuses(code, route):
            by_status[status].append(code)
    return {str(status): _problem(status, codes, schemas) for status, codes in sorted(by_status.items())}


def _statuses(code: ErrorCode, route: Route) -> list[int]:
    if code is ErrorCode.FORBIDDEN:
        return [403, 421]
    if code is ErrorCode.INVALID_REQUEST and route.body is not None:
        return [400, 422]
    return [STATUS[code]]


def _problem(status: int, codes: list[ErrorCode], schemas: _Schemas) -> dict[str, Any]:
    waits = ("Retry-After",) if status in (429, 503) else ()
    meaning = " ".join(f"`{code.value}`: {error_text(code, 'en', limit='…')}" for code in codes)
    return _reply(Reply(meaning, {PROBLEM: Problem}, waits), schemas)


def _reply(reply: Reply, schemas: _Schemas) -> dict[str, Any]:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *reply.headers)}
    answer = {"description": reply.meaning, "headers": headers, "content": schemas.content(reply.content)}
    return {name: value for name, value in answer.items() if value}


def _headers() -> dict[str, Any]:
    return {
        name: {"description": about["description"], "schema": {k: v for k, v in about.items() if k != "description"}}
        for name, about in HEADERS.items()
    }


def _webhook(schemas: _Schemas) -> dict[str, Any]:
    data = {
        "type": "object",
        "properties": {
            "type": {"enum": ["job.complete", "job.error", "job.cancelled"]},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": schemas.of(JobAnswer),
        },
    }
    return {
        "summary": "A job with a `callback_url` has ended",
        "description": "Signed as Standard Webhooks has it; at least once.",
        "requestBody": {"content": {"application/json": {"schema": data}}},
        "responses": {"2XX": {"description": "Received; anything else is tried again."}},
    }


def _untitled(schema: Any) -> Any:
    """Drop the titles the validation library makes of names; a property that is called title stays."""
    if isinstance(schema, list):
        return [_untitled(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _untitled(value) for name, value in schema.items() if not (name == "title" and isinstance(value, str))
    }


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is not there is no null: it just is not there."""
    choices = [choice for choice in field.pop("anyOf", []) if choice != {"type": "null"}]
    if field.get("default", ...) is None:
        del field["default"]
    return field | (choices[0] if choices else {})


def _cached(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-cache"
    answer.add_etag()
    return conditionally(answer)
