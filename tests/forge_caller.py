"""Someone who has images rendered, for the tests of one generation."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.params import GenerationParams
from tests.demo_process import DemoForge
from worker.forge import (
    ForgeClient,
    ForgeFailure,
    ForgeProgress,
    GeneratedImage,
    GenerationStopped,
    Limits,
    generate_image_via_forge,
)

PARAMS = GenerationParams(prompt="gün batımında İstanbul", width=128, height=64, steps=10, seed=7)
LIMITS = Limits(timeout_s=10, load_timeout_s=10, max_s=20, poll_s=0.05, stop_s=5)
#: For what never ends by itself.
IMPATIENT = replace(LIMITS, timeout_s=0.4, stop_s=0.6)
#: patient with a silent Forge, not with one that does not stop
SOON_STOPPED = replace(LIMITS, stop_s=0.6)


class Caller:
    """Someone who has one image rendered, hears its progress and may want it stopped."""

    def __init__(self, demo: DemoForge, **client: str) -> None:
        self.client = ForgeClient(demo.url, control_timeout_s=2, **client)  # type: ignore[arg-type]
        self.heard: list[ForgeProgress] = []
        self.reasons: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.at_progress: Callable[[ForgeProgress], None] = lambda _: None

    def generate(self, task: str = "t-1", limits: Limits = LIMITS, **params: Any) -> GeneratedImage:
        return generate_image_via_forge(
            self.client,
            PARAMS.model_copy(update=params),
            task_id=task,
            on_progress=self._hear,
            should_stop=self._reason,
            limits=limits,
            previews=lambda: True,
        )

    def failure(self, limits: Limits = LIMITS, task: str = "t-1", **params: Any) -> ForgeFailure:
        with pytest.raises(ForgeFailure) as caught:
            self.generate(task, limits, **params)
        return caught.value

    def stop(self, limits: Limits = LIMITS) -> GenerationStopped:
        with pytest.raises(GenerationStopped) as caught:
            self.generate(limits=limits)
        return caught.value

    def _hear(self, progress: ForgeProgress) -> None:
        self.heard.append(progress)
        self.at_progress(progress)

    def _reason(self) -> str | None:
        return None if self.reasons.empty() else self.reasons.get()


def events(demo: DemoForge, *kinds: str) -> list[tuple[str, str | None]]:
    return [(entry["event"], entry["task"]) for entry in demo.log()["entries"] if entry["event"] in kinds]
