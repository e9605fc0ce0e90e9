"""What Forge's /progress tells about one generation, sample by sample; no I/O.

The laws (Forge's modules/api/api.py, `progressapi`): `job_count` is 0 when idle (then every other field is stale), −1
while the model loads, else the number of images. A sample that is not ours says nothing about our progress, but shows
that Forge lives. The percentage never falls and never reaches 100: only a stored image is 100.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: Forge adds this to every progress while a job is in it.
OFFSET = 0.01
MAX_PERCENT = 99

Stage = Literal["loading", "sampling"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer of GET /progress."""

    job_count: int = 0
    job_no: int = 0
    job_timestamp: str = "0"
    progress: float = 0.0
    step: int = 0
    interrupted: bool = False
    skipped: bool = False
    preview: bytes | None = None

    @property
    def idle(self) -> bool:
        """Tell whether Forge works on nothing."""
        return self.job_count == 0

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Sample:
        """Read an answer's JSON; raises KeyError, TypeError or ValueError when it is none of Forge's."""
        state = answer["state"]
        progress = float(answer["progress"])
        if not math.isfinite(progress):
            raise ValueError("progress is not a number")
        return cls(
            job_count=int(state["job_count"]),
            job_no=int(state.get("job_no") or 0),
            job_timestamp=str(state.get("job_timestamp", "0")),
            progress=progress,
            step=int(state.get("sampling_step") or 0),
            interrupted=bool(state.get("interrupted")),
            skipped=bool(state.get("skipped")),
            preview=_image(answer.get("current_image")),
        )


@dataclass(frozen=True, slots=True)
class ForgeProgress:
    """How far our generation is; while another one runs before it: loading, without a timestamp.

    `alive`: something moved since the poll before. `preview`: a small JPEG.
    """

    percent: int
    stage: Stage
    alive: bool
    preview: bytes | None = None
    job_timestamp: str = ""


class Tracker:
    """Turns samples into the progress of one generation."""

    def __init__(self) -> None:
        self._percent = 0
        self._seen: tuple[object, ...] = ()

    def read(self, sample: Sample, *, ours: bool) -> ForgeProgress | None:
        """Return what a sample says, None when Forge is idle."""
        if sample.idle:
            return None
        seen = (sample.job_timestamp, sample.job_count, sample.job_no, sample.step, sample.progress)
        alive, self._seen = seen != self._seen, seen
        if not ours or sample.job_count < 0:
            timestamp = sample.job_timestamp if ours else ""
            return ForgeProgress(self._percent, "loading", alive, job_timestamp=timestamp)
        share = max(0.0, sample.progress - OFFSET)
        self._percent = max(self._percent, min(MAX_PERCENT, int(100 * share + 1e-6)))
        return ForgeProgress(self._percent, "sampling", alive, sample.preview, sample.job_timestamp)


def _image(encoded: object) -> bytes | None:
    if not isinstance(encoded, str) or not encoded:
        return None
    try:
        return base64.b64decode(encoded.rpartition(",")[2], validate=True)
    except binascii.Error:
        return None
