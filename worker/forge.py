"""Stable Diffusion WebUI Forge over HTTP: the only module that talks to it.

`ForgeClient` makes the calls, `generate_image_via_forge()` has one image rendered. Every fault leaves as a
`ForgeFailure`. How a request goes out is in `worker.forge_wire`; short timeouts for everything but the generation.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from shared.domain.failures import FailureKind
from shared.domain.params import GenerationParams
from worker import forge_lists
from worker.forge_answer import GeneratedImage
from worker.forge_failure import ForgeFailure, GenerationStopped
from worker.forge_generation import Callbacks, Generation
from worker.forge_lists import ForgeLists, ForgeState, Model
from worker.forge_progress import ForgeProgress, Sample
from worker.forge_reply import Reply
from worker.forge_request import Limits
from worker.forge_wire import Exchange

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
    "prepare_generation",
]

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
    callbacks = Callbacks(on_progress, should_stop, previews)
    generation = prepare_generation(client, params, task_id=task_id, callbacks=callbacks, limits=limits)
    generation.start()
    return generation.image(generation.wait())


def prepare_generation(
    client: ForgeClient,
    params: GenerationParams,
    *,
    task_id: str,
    callbacks: Callbacks,
    limits: Limits,
    hands_on: bool = False,
) -> Generation:
    """Return one try, ready to be started; raises ForgeFailure when this Forge has no such model."""
    client.check_model(params.model)
    return Generation(client, params, task_id=task_id, callbacks=callbacks, limits=limits, hands_on=hands_on)


class ForgeClient:
    """The calls of one Forge; several threads may share it, a call that is given no connection has its own."""

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
        auth = auth or unquote(urlsplit(url).netloc.rpartition("@")[0])
        self.override_settings = dict(override_settings or {})
        self._headers = {"Authorization": f"Basic {b64encode(auth.encode()).decode()}"} if auth else {}
        self._connect_s, self._control_s = connect_timeout_s, control_timeout_s
        self._tells_tasks = True
        self._models: tuple[Model, ...] = ()

    def preflight(self) -> ForgeState:
        """Ask whether Forge answers and is free; raises ForgeFailure."""
        reply = self._progress(with_preview=False)
        sample = reply.sample()
        return ForgeState(idle=sample.idle, job_timestamp=sample.job_timestamp, demo=reply.demo)

    def progress(self, *, with_preview: bool = False, over: Exchange | None = None) -> Sample:
        """Return how far the running generation is, whoever owns it; raises ForgeFailure.

        `over`: a connection that is open, and stays so.
        """
        return self._progress(with_preview, over).sample()

    def task_state(self, task_id: str) -> TaskState | None:
        """Return what Forge does with our task, or None when it cannot tell (`--nowebui`, unreachable)."""
        if not self._tells_tasks:
            return None
        order = {"id_task": task_id, "id_live_preview": -1, "live_preview": False}
        try:
            answer = self._call("POST", "/internal/progress", order).json()
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
        self._call("POST", "/sdapi/v1/interrupt")

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
        """Return what this Forge offers, a list that it lacks or breaks over being empty; raises ForgeFailure."""
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

    def check_model(self, asked: str | None) -> None:
        """Raise ForgeFailure when this Forge has no such model: it would silently use another."""
        if asked is None or any(model.is_meant_by(asked) for model in self._models):
            return
        self._models = forge_lists.models(self._optional("/sdapi/v1/sd-models"))
        if self._models and not any(model.is_meant_by(asked) for model in self._models):
            raise ForgeFailure(FailureKind.MODEL_NOT_FOUND, f"no model {asked}")

    def exchange(self) -> Exchange:
        """Return a connection of its own, not yet opened."""
        return Exchange(self.url, self._headers, connect_s=self._connect_s)

    def _progress(self, with_preview: bool, over: Exchange | None = None) -> Reply:
        path = f"/sdapi/v1/progress?skip_current_image={'false' if with_preview else 'true'}"
        return self._control(path) if over is None else self._ask(over, "GET", path)

    def _control(self, path: str) -> Reply:
        return self._call("GET", path)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        with self.exchange() as exchange:
            exchange.connect()
            return self._ask(exchange, method, path, body)

    def _ask(self, exchange: Exchange, method: str, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        exchange.send(method, path, None if body is None else json.dumps(body).encode(), answer_s=self._control_s)
        return exchange.receive(exchange.headers())

    def _optional(self, path: str) -> Any:
        try:
            return self._control(path).json()
        except ForgeFailure as failure:
            if failure.status in (404, 500):  # some versions break over a list that they draw well without
                return None
            raise
