"""Signing in and out: a token becomes a cookie the page's scripts cannot read, and `/me` says who one is."""

from typing import Annotated

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field

from api.auth import (
    MAX_SESSION_TOKEN_CHARS,
    Authenticator,
    bearer_of,
    clear_session_cookie,
    current_identity,
    refuse_cross_site,
    set_session_cookie,
)
from api.auth_tokens import MAX_TOKEN_CHARS
from api.body import parse_model, read_json
from api.queries import Query, parse_query
from shared.domain.errors import FieldFault, InvalidRequest, Unauthenticated
from shared.domain.faults import TEXT_PATTERN


class SessionRequest(BaseModel):
    """The body of POST /session; without one the token comes in the Authorization header."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    token: Annotated[str | None, Field(min_length=1, max_length=MAX_TOKEN_CHARS, pattern=TEXT_PATTERN)] = None


def session_routes(authenticator: Authenticator) -> Blueprint:
    """Return the routes `/me` and `/session`."""
    routes = Blueprint("session", __name__)

    @routes.get("/me")
    def me() -> Response:
        parse_query(request.args, Query)
        return jsonify(current_identity().view(authenticator.mode))

    @routes.post("/session")
    def sign_in() -> Response:
        parse_query(request.args, Query)
        refuse_cross_site(request, authenticator)
        in_body = _token_in_body()
        token = bearer_of(request) or in_body
        if token is None and authenticator.mode == "jwt":
            raise Unauthenticated
        identity = authenticator.from_token(token or "")
        answer = jsonify(identity.view(authenticator.mode))
        if token and authenticator.mode == "jwt":
            _refuse_too_long(token)
            set_session_cookie(answer, token, identity, secure=request.is_secure)
        return answer

    @routes.delete("/session")
    def sign_out() -> Response:
        answer = Response(status=204)
        clear_session_cookie(answer, secure=request.is_secure)
        return answer

    return routes


def _refuse_too_long(token: str) -> None:
    if len(token) > MAX_SESSION_TOKEN_CHARS:
        fault = FieldFault("token", "too_long", {"limit": MAX_SESSION_TOKEN_CHARS})
        raise InvalidRequest(errors=[fault])


def _token_in_body() -> str | None:
    if not request.get_data():
        return None
    return parse_model(read_json(request), SessionRequest).token
