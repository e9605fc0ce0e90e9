"""A small application behind the real door, for tests that need no database."""

from typing import Any

from flask import Flask, Response, jsonify, request

from api.auth import Authenticator, current_identity, require_admin
from api.body import read_json, request_limits
from api.door import init_door
from api.errors import init_errors
from api.openapi import openapi_routes
from api.routes.session import session_routes
from shared.domain.params import parse_generate
from shared.settings import Settings
from tests.tokens import SECRET


def jwt_settings(**more: Any) -> Settings:
    """Return settings that ask for tokens by SECRET."""
    return Settings(auth_mode="jwt", jwt_secret=SECRET, **more)


def door_app(settings: Settings, redis_url: str | None = None) -> Flask:
    """Return an application with the door, sign-in, the documentation, and a few routes."""
    app = Flask("door", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    authenticator = Authenticator(settings)
    limits = request_limits(settings)
    init_errors(app)
    init_door(app, settings, authenticator, redis_url)
    app.register_blueprint(session_routes(authenticator))
    app.register_blueprint(openapi_routes(settings))

    @app.get("/")
    def page() -> str:
        return "page"

    @app.get("/ws")
    def ws() -> str:
        return "upgraded"

    @app.post("/image/generate")
    def generate() -> Response:
        body = read_json(request)
        return jsonify(parse_generate(body.value, limits, None, body.faults).model_dump())

    @app.post("/echo")
    def echo() -> Response:
        return jsonify(current_identity().user_id)

    @app.post("/admin")
    def admin() -> Response:
        return jsonify(require_admin().user_id)

    return app
