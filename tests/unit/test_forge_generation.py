"""What no server does on command: a person who presses Interrupt on Forge's own page, seen by a poll."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, cast

import pytest

from shared.domain.failures import FailureKind
from shared.domain.params import GenerationParams
from worker.forge import ForgeClient, ForgeFailure, Limits, generate_image_via_forge
from worker.forge_progress import Sample
from worker.forge_reply import Reply


class InterruptedElsewhere:
    """A Forge whose running job is ours, and whose Interrupt button somebody else has pressed."""

    override_settings: Mapping[str, Any] = {}

    def __init__(self) -> None:
        self.polled_twice = threading.Event()
        self._polls = 0

    def progress(self, *, with_preview: bool = False, over: object = None) -> Sample:
        self._polls += 1
        if self._polls > 2:
            self.polled_twice.set()
        return Sample(job_count=1, job_timestamp="1", progress=0.5, step=10, interrupted=True)

    def active_task(self, task_id: str) -> bool:
        return True

    def check_model(self, asked: str | None) -> None:
        """It has every model."""

    def exchange(self) -> HalfAnImage:
        return HalfAnImage(self)


class HalfAnImage:
    """The exchange whose answer comes when the page has been looked at twice."""

    status = 200

    def close(self) -> None:
        """It is closed."""

    def connect(self) -> None:
        """It is connected."""

    def __init__(self, forge: InterruptedElsewhere) -> None:
        self._forge = forge

    def __enter__(self) -> HalfAnImage:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def send(self, method: str, path: str, body: bytes, *, answer_s: float) -> None:
        """It is sent."""

    def headers(self) -> HalfAnImage:
        self._forge.polled_twice.wait(10)
        return self

    def receive(self, _: object) -> Reply:
        return Reply(b'{"images": ["half an image"]}', demo=False)


def test_does_not_take_half_an_image_for_a_whole_one() -> None:
    with pytest.raises(ForgeFailure) as caught:
        generate_image_via_forge(
            cast(ForgeClient, InterruptedElsewhere()),
            GenerationParams(prompt="a hill"),
            task_id="t",
            on_progress=lambda _: None,
            should_stop=lambda: None,
            limits=Limits(poll_s=0.01, first_poll_s=0.01),
        )
    assert caught.value.kind is FailureKind.BAD_IMAGE
    assert "interrupted by somebody else" in caught.value.detail
