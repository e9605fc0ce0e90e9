"""The stand-in's HTTP routes, as the contract has them."""

import json
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request

from shared.domain.texts import TEXTS
from tests.e2e import mock_pictures
from tests.e2e.mock_facts import DEFAULTS, TERMINAL

if TYPE_CHECKING:
    from tests.e2e.mock_server import MockServer

Answer = Response | tuple[Response, int]


def user_of() -> str:
    """Return who asks: the cookie a test has set, else `local`."""
    return request.cookies.get("mock_user", "local")


def problem(status: int, code: str, retry_after: str | None = None, **more: Any) -> Response:
    """Return an error as the contract shapes it."""
    lang = "tr" if request.accept_languages.best == "tr" else "en"
    detail = TEXTS[code][lang].format(limit=3, seconds=180)
    body = {"type": f"/docs#{code}", "title": detail, "status": status, "detail": detail, "code": code, **more}
    answer = Response(json.dumps(body), status, content_type="application/problem+json")
    if retry_after:
        answer.headers["Retry-After"] = retry_after
    return answer


class Routes:
    """What each route answers."""

    RULES = (
        ("GET", "/", "index"),
        ("GET", "/assets/<name>", "asset"),
        ("GET", "/me", "me"),
        ("POST", "/session", "sign_in"),
        ("DELETE", "/session", "sign_out"),
        ("GET", "/images/placeholder.svg", "placeholder"),
        ("GET", "/images/flux_<job_id>.png", "image"),
        ("GET", "/image/job/<job_id>/preview", "preview"),
        ("GET", "/image/options", "options"),
        ("GET", "/image/status", "status"),
        ("POST", "/image/generate", "generate"),
        ("GET", "/image/job/<job_id>/status", "job"),
        ("DELETE", "/image/job/<job_id>/cancel", "cancel"),
        ("DELETE", "/image/jobs", "cancel_waiting"),
        ("POST", "/image/job/<job_id>/retry", "retry"),
        ("GET", "/conversations", "conversations"),
        ("GET", "/conversations/<conversation_id>/messages", "messages"),
        ("DELETE", "/conversations/<conversation_id>", "delete_conversation"),
    )

    def __init__(self, server: "MockServer") -> None:
        self.server = server

    def add_to(self, app: Flask) -> None:
        """Let `app` answer them."""
        for method, path, name in self.RULES:
            app.add_url_rule(path, name, getattr(self, name), methods=[method])

    def index(self) -> Answer:
        return Response((self.server.dist / "index.html").read_bytes(), content_type="text/html; charset=utf-8")

    def asset(self, name: str) -> Answer:
        return mock_pictures.asset(self.server.dist / "assets" / name)

    def me(self) -> Answer:
        user = user_of()
        return jsonify({"user_id": user, "username": user, "roles": [], "auth_mode": self.server.mode})

    def sign_in(self) -> Answer:
        if request.get_json()["token"] != "good":
            return problem(401, "unauthenticated")
        self.server.trouble.signed_out = False
        self.server.trouble.jwt = True
        return self.me()

    def sign_out(self) -> Answer:
        self.server.trouble.signed_out = True
        return Response(status=204)

    def placeholder(self) -> Answer:
        return Response(mock_pictures.PLACEHOLDER, mimetype="image/svg+xml")

    def image(self, job_id: str) -> Answer:
        if self.server.trouble.images_broken:
            return problem(503, "queue_unavailable")
        return mock_pictures.picture(self.server.world.jobs[job_id], 1.0)

    def preview(self, job_id: str) -> Answer:
        return mock_pictures.picture(self.server.world.jobs[job_id], int(request.args["v"]) / 100)

    def options(self) -> Answer:
        return jsonify(mock_pictures.options(self.server.demo))

    def status(self) -> Answer:
        world = self.server.world
        return jsonify({"queue": world.queue(), "workers": [], "jobs": world.unfinished(user_of())})

    def generate(self) -> Answer:
        if self.server.trouble.refuse:
            status, code, retry_after = self.server.trouble.refuse.pop(0)
            return problem(status, code, retry_after)
        world, body = self.server.world, request.get_json()
        key = (user_of(), request.headers["Idempotency-Key"])
        with world.lock:
            if key in world.keys:
                return jsonify(world.view(world.keys[key])), 200
            params = {name: body[name] for name in DEFAULTS if name in body}
            job = world.submit(user_of(), body["prompt"], body.get("conversation_id"), **params)
            world.keys[key] = job["job_id"]
            return jsonify(job), 202

    def job(self, job_id: str) -> Answer:
        if job_id not in self.server.world.jobs:
            return problem(404, "not_found")
        return jsonify(self.server.world.view(job_id))

    def cancel(self, job_id: str) -> Answer:
        status = self.server.world.jobs[job_id]["status"]
        if status in ("complete", "error"):
            return problem(409, "job_finished")
        return jsonify(self.server.world.cancel(job_id)), 202 if status == "processing" else 200

    def cancel_waiting(self) -> Answer:
        mine = self.server.world.unfinished(user_of())
        waiting = [job["job_id"] for job in mine if job["status"] == "queued"]
        for job_id in waiting:
            self.server.world.cancel(job_id)
        return jsonify({"cancelled": len(waiting)})

    def retry(self, job_id: str) -> Answer:
        if self.server.world.jobs[job_id]["status"] not in TERMINAL:
            return problem(409, "not_retryable")
        return jsonify(self.server.world.retry(job_id)), 202

    def conversations(self) -> Answer:
        mine = [entry for entry in self.server.world.conversations.values() if entry["owner"] == user_of()]
        return jsonify({"conversations": mine[::-1], "next_cursor": None})

    def messages(self, conversation_id: str) -> Answer:
        world = self.server.world
        if conversation_id not in world.conversations:
            return problem(404, "not_found")
        limit, before = int(request.args.get("limit", 50)), request.args.get("before", type=int)
        found = [entry for entry in world.history(conversation_id) if before is None or entry["id"] < before]
        return jsonify({"messages": found[-limit:], "has_more": len(found) > limit})

    def delete_conversation(self, conversation_id: str) -> Answer:
        self.server.world.forget(conversation_id)
        return Response(status=204)
