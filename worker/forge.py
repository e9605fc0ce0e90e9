"""Stable Diffusion WebUI Forge over HTTP: the only module that talks to it.

`ForgeClient` makes the calls, `generate_image_via_forge()` has one image rendered. Every fault leaves as a
`ForgeFailure`. The rules of the wire (forge_contract.md 10.8, 10.9, 10.24): a fresh connection for the generation and
never an automatic second POST; short timeouts for everything else; no compression; no proxy; bounded answers.
"""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError

from shared.domain.failures import FailureKind
from shared.domain.params import GenerationParams
from worker import forge_lists
from worker.forge_answer import GeneratedImage
from worker.forge_failure import ForgeFailure, GenerationStopped, classify
from worker.forge_generation import Callbacks, Generation, Limits
from worker.forge_lists import ForgeLists, ForgeState, Model
from worker.forge_progress import ForgeProgress, Sample
from worker.forge_reply import Reply

__all__ = [
    "ForgeClient",
    "ForgeFailure",
    "ForgeLists",
    "ForgeProgress",
    "ForgeState",
    "GeneratedImage",
    "GenerationStopped",
    "Limits",
    "generate_image_via_forge",
]

MAX_BODY = 64 * 2**20
CHUNK = 2**20
DEMO_HEADER = "X-Forgeline-Demo"
TaskState = Literal["queued", "active", "completed", "unknown"]


def generate_image_via_forge(
    client: ForgeClient,
    params: GenerationParams,
    *,
    task_id: str,
    on_progress: Callable[[ForgeProgress], None],
    should_stop: Callable[[], str | None],
    limits: Limits,
    previews: Callable[[], bool] = lambda: False,
) -> GeneratedImage:
    """Have Forge render one image, in ONE try; the caller's thread runs the callbacks.

    `task_id` must be new for every try. `previews()` is asked at each poll. Raises ForgeFailure, or
    GenerationStopped with the reason that `should_stop()` gave.
    """
    if params.model:
        client.check_model(params.model)
    callbacks = Callbacks(on_progress, should_stop, previews)
    return Generation(client, params, task_id=task_id, callbacks=callbacks, limits=limits).run()


class ForgeClient:
    """The calls of one Forge; several threads may share it, every call has its own connection."""

    def __init__(
        self,
        url: str,
        *,
        auth: str | None = None,
        override_settings: Mapping[str, Any] | None = None,
        connect_timeout_s: float = 3.0,
        control_timeout_s: float = 5.0,
    ) -> None:
        self.url = url.rstrip("/")
        self.override_settings = dict(override_settings or {})
        self._wire = _Wire(self.url, auth, connect_timeout_s)
        self._control_s = control_timeout_s
        self._tells_tasks = True
        self._models: tuple[Model, ...] = ()

    def preflight(self) -> ForgeState:
        """Ask whether Forge answers and is free; raises ForgeFailure."""
        reply = self._progress(with_preview=False)
        sample = reply.sample()
        return ForgeState(idle=sample.idle, job_timestamp=sample.job_timestamp, demo=reply.demo)

    def progress(self, *, with_preview: bool = False) -> Sample:
        """Return how far the running generation is, whoever owns it; raises ForgeFailure."""
        return self._progress(with_preview).sample()

    def task_state(self, task_id: str) -> TaskState | None:
        """Return what Forge does with our task, or None when it cannot tell (`--nowebui`, unreachable)."""
        if not self._tells_tasks:
            return None
        order = {"id_task": task_id, "id_live_preview": -1, "live_preview": False}
        try:
            answer = self._wire.call("POST", "/internal/progress", body=order, read_s=self._control_s).json()
        except ForgeFailure as failure:
            self._tells_tasks = failure.status not in (404, 405)
            return None
        states: tuple[TaskState, ...] = ("active", "queued", "completed")
        known = (state for state in states if isinstance(answer, dict) and answer.get(state) is True)
        return next(known, "unknown")

    def active_task(self, task_id: str) -> bool | None:
        """Tell whether Forge works on our task right now; None when it cannot tell."""
        state = self.task_state(task_id)
        return None if state is None else state == "active"

    def interrupt(self) -> None:
        """Stop what Forge works on now, whoever owns it; raises ForgeFailure."""
        self._wire.call("POST", "/sdapi/v1/interrupt", read_s=self._control_s)

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until Forge works on nothing; False when it still does by then, or is gone."""
        deadline, pause_s = time.monotonic() + timeout_s, 0.05
        while True:
            try:
                if self.progress().idle:
                    return True
            except ForgeFailure as failure:
                if failure.gone:
                    return False
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(pause_s, left_s))
            pause_s = min(0.5, pause_s * 1.5)

    def capabilities(self) -> ForgeLists:
        """Return what this Forge offers, a list that its dialect lacks being empty; raises ForgeFailure."""
        samplers = self._control("/sdapi/v1/samplers")
        options = self._optional("/sdapi/v1/options")
        self._models = forge_lists.models(self._optional("/sdapi/v1/sd-models"))
        return ForgeLists(
            samplers=forge_lists.texts(samplers.json(), "name"),
            schedulers=forge_lists.texts(self._optional("/sdapi/v1/schedulers"), "label"),
            models=self._models,
            previews=isinstance(options, dict) and options.get("live_previews_enable") is True,
            demo=samplers.demo,
        )

    def check_model(self, asked: str) -> None:
        """Raise ForgeFailure when this Forge has no such model: it would silently use another."""
        if any(model.is_meant_by(asked) for model in self._models):
            return
        self._models = forge_lists.models(self._optional("/sdapi/v1/sd-models"))
        if self._models and not any(model.is_meant_by(asked) for model in self._models):
            raise ForgeFailure(FailureKind.MODEL_NOT_FOUND, f"no model {asked}")

    def txt2img(self, body: Mapping[str, Any], *, timeout_s: float) -> bytes:
        """Post one generation and return the body of its 200; raises ForgeFailure."""
        return self._wire.call("POST", "/sdapi/v1/txt2img", body=body, read_s=timeout_s).body

    def _progress(self, with_preview: bool) -> Reply:
        return self._control(f"/sdapi/v1/progress?skip_current_image={'false' if with_preview else 'true'}")

    def _control(self, path: str) -> Reply:
        return self._wire.call("GET", path, read_s=self._control_s)

    def _optional(self, path: str) -> Any:
        try:
            return self._control(path).json()
        except ForgeFailure as failure:
            if failure.status == 404:
                return None
            raise


class _Wire:
    """One request on one connection, in the manner that Forge needs."""

    def __init__(self, url: str, auth: str | None, connect_timeout_s: float) -> None:
        self._url, self._connect_s = url, connect_timeout_s
        self._headers = {"Accept-Encoding": "identity", "Accept": "application/json"}
        if auth:
            self._headers["Authorization"] = f"Basic {base64.b64encode(auth.encode()).decode()}"

    def call(self, method: str, path: str, *, read_s: float, body: Mapping[str, Any] | None = None) -> Reply:
        """Return the answer with status 200; raises ForgeFailure."""
        generates = path.endswith("/txt2img")
        try:
            with (
                _session() as session,
                session.request(
                    method,
                    self._url + path,
                    json=body,
                    headers=self._headers,
                    timeout=(self._connect_s, read_s),
                    stream=True,
                    allow_redirects=False,
                ) as response,
            ):
                content = _bounded(response)
        except requests.RequestException as error:
            raise _failure(error, sent=generates) from error
        if response.status_code != 200:
            raise classify(response.status_code, content, sent=generates)
        return Reply(content, DEMO_HEADER in response.headers)


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


class _Adapter(HTTPAdapter):
    """Notices a peer that vanished without a word: a generation is silent for minutes."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        keepalive = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, name):
                keepalive.append((socket.IPPROTO_TCP, getattr(socket, name), value))
        super().init_poolmanager(*args, socket_options=keepalive, **kwargs)


def _bounded(response: requests.Response) -> bytes:
    chunks, size = [], 0
    for chunk in response.iter_content(CHUNK):
        size += len(chunk)
        if size > MAX_BODY:
            raise ForgeFailure(FailureKind.BAD_IMAGE, "an answer of more than 64 MB", sent=True)
        chunks.append(chunk)
    return b"".join(chunks)


def _failure(error: requests.RequestException, *, sent: bool) -> ForgeFailure:
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError):
        refused = isinstance(getattr(reason, "__cause__", None), ConnectionRefusedError)
        return ForgeFailure(FailureKind.UNREACHABLE, f"not connected: {reason}", gone=refused)
    kind = FailureKind.TIMEOUT if sent and isinstance(error, requests.ReadTimeout) else FailureKind.UNREACHABLE
    return ForgeFailure(kind, f"{type(error).__name__}: {reason or ''}", sent=sent)
