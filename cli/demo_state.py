"""The stand-in's data: what a generation is, what Forge's state holds, how long things take."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from cli.demo_faults import Fault
from cli.demo_painter import Picture
from cli.demo_request import Txt2Img

MODELS = ("demo-flux", "demo-sdxl")

#: painted: drawn from the prompt; noise: a cached image of 3 bytes a pixel; plain: a cached tiny file
Payload = Literal["painted", "noise", "plain"]


class OutOfMemoryError(RuntimeError):
    """Named as torch names it, because clients read the name."""


class Aborted(Exception):
    """The process 'died' under this generation: no answer is sent."""


class Struck(Exception):
    """A fault that answers before anything is generated."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.kind)
        self.fault = fault


@dataclass
class Pace:
    """How long things take; changeable while the server runs. Seconds."""

    step_seconds: float = 0.15
    load_seconds: float = 0.6
    #: from the first byte of a request (or the end of the one before) to the last step; instead of step_seconds
    job_seconds: float | None = None
    payload: Payload = "painted"


@dataclass
class State:
    """Forge's shared.state, field by field."""

    skipped: bool = False
    interrupted: bool = False
    stopping_generation: bool = False
    job: str = ""
    job_count: int = 0
    job_timestamp: str = "0"
    job_no: int = 0
    sampling_step: int = 0
    sampling_steps: int = 0


@dataclass
class Generation:
    """One request on its way through the machine."""

    number: int
    request: Txt2Img
    seed: int
    fault: Fault | None = None
    client_gone: Callable[[], bool] = bool
    cut: Callable[[bytes], None] = lambda last_words: None
    pictures: list[tuple[Picture, float]] = field(default_factory=list)
    timestamp: str = ""
    model: str = MODELS[0]
    #: monotonic moment at which the request began to come in
    began: float = 0.0

    @property
    def task(self) -> str | None:
        """The client's own id for this request."""
        return self.request.force_task_id


class FifoLock:
    """A lock that lets waiters in in the order of their arrival."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def acquire(self) -> None:
        """Wait for one's turn."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()

    def release(self) -> None:
        """Hand the lock to the next in line."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
