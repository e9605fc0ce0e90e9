"""What the stand-in can be told to do wrong, and the gate that holds a generation at a chosen point.

| kind          | what happens to the generation that takes the fault                                        |
|---------------|--------------------------------------------------------------------------------------------|
| status        | answers `status` (500, 502, 503, …) with Forge's error body, or an empty one for a proxy's  |
| oom           | 500, OutOfMemoryError, "CUDA out of memory. Tried to allocate …"                            |
| type_error    | 500, TypeError                                                                              |
| cuda          | 500, "CUDA error: device-side assert triggered" (a real one says so until it is restarted)   |
| poisoned      | 500 in no time, AttributeError 'NoneType' … sd_checkpoint_info                              |
| bad_model     | 500 "Failed to recognize model type!", and from then on poisoned, until another model       |
| hang          | stops at `at`; ends when interrupted, unless `stubborn`; let go by DELETE /demo/faults       |
| mute          | never answers: no progress, no lock taken                                                   |
| drop          | cuts the connection at `at`; the generation goes on as a ghost                              |
| proxy         | answers `status` at `at`, as a proxy in front that waits no longer; it goes on as a ghost    |
| slow          | takes `step_seconds` for each step                                                          |
| empty         | 200, `images: []`                    | truncated     | 200, the base64 ends in the middle      |
| wrong_size    | 200, an image of another size        | not_image     | 200, base64 of something else           |
| not_json      | 200, an HTML page                    | black         | 200, a black image                      |
| data_uri      | 200, the image behind a data: prefix | jpeg, webp    | 200, the image in that format           |
| huge          | 200, an answer of 80 MB              | wrong_model   | 200, another model than the one asked   |
| unauthorized  | 401                                  | not_found     | 404 as at boot, or a model's own 404    |

`where: all` (status, mute, unauthorized, not_found) strikes every /sdapi and /internal call, not only
generations. `times` is how many it strikes; 0 stands until it is cleared.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal[
    "status", "oom", "type_error", "cuda", "poisoned", "bad_model", "hang", "mute", "drop", "proxy", "slow",
    "empty", "truncated", "wrong_size", "not_image", "not_json", "black", "data_uri", "jpeg", "webp", "huge",
    "wrong_model", "unauthorized", "not_found",
]  # fmt: skip

#: A point of a generation: a share of its steps, or one of the phases around them.
Point = float | Literal["loading", "decoding"]


class Fault(BaseModel):
    """One misbehaviour, waiting for the request that takes it."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    times: int = Field(default=1, ge=0)
    where: Literal["generate", "all"] = "generate"
    status: int = Field(default=500, ge=400, le=599)
    at: Point = 0.4
    stubborn: bool = False
    step_seconds: float = Field(default=1.0, ge=0)
    message: str = "something broke"


class Faults:
    """The faults still to come, first come, first served; a standing one (`times: 0`) after them."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: list[Fault] = []
        self.cleared = 0

    def add(self, fault: Fault) -> None:
        """Let a fault strike the next `times` requests, or all of them."""
        with self._guard:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Forget every fault; whoever hangs on one goes on."""
        with self._guard:
            self._waiting.clear()
            self.cleared += 1

    def listed(self) -> list[dict[str, Any]]:
        """Return the faults still to come."""
        with self._guard:
            return [fault.model_dump() for fault in self._waiting]

    def take(self, where: Literal["generate", "all"]) -> Fault | None:
        """Return the fault that strikes this request, and count it off."""
        with self._guard:
            fitting = [fault for fault in self._waiting if fault.where == where]
            fault = min(fitting, key=lambda each: each.times == 0, default=None)
            if fault is not None and fault.times:
                self._count_off(fault)
            return fault

    def _count_off(self, fault: Fault) -> None:
        fault.times -= 1
        if fault.times == 0:
            self._waiting.remove(fault)


class Gate:
    """Holds every generation at one point until it is let through; the browser tests' clock."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._at: Point | None = None
        self._passes = 0
        self._through: set[int] = set()
        self._held: list[str | None] = []

    def shut(self, at: Point) -> None:
        """Hold each generation that reaches `at`."""
        with self._changed:
            self._at, self._passes = at, 0
            self._through.clear()
            self._changed.notify_all()

    def open(self) -> None:
        """Let everybody through from now on."""
        with self._changed:
            self._at = None
            self._changed.notify_all()

    def let_one_through(self) -> None:
        """Let the one that is held go on; the next is held again."""
        with self._changed:
            self._passes += 1
            self._changed.notify_all()

    def report(self, wait_s: float = 0) -> dict[str, Any]:
        """Return {at, held: [task ids]}, as soon as one is held or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._held), wait_s)
            return {"at": self._at, "held": list(self._held)}

    def pass_by(self, point: Point, number: int, task: str | None, given_up: Callable[[], bool]) -> None:
        """Hold generation `number` here if the gate is shut at `point`, until it opens or `given_up()`."""
        with self._changed:
            if number in self._through or not self._holds(point):
                return
            self._held.append(task)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._holds(point) or self._passes > 0 or given_up())
            if self._holds(point):
                self._through.add(number)
                self._passes = max(0, self._passes - 1)
            self._held.remove(task)
            self._changed.notify_all()

    def _holds(self, point: Point) -> bool:
        if isinstance(point, str) or isinstance(self._at, str):
            return point == self._at
        return self._at is not None and point >= self._at
