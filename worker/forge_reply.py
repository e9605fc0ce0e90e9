"""A 200 of Forge's control calls, read as what it should be."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from shared.domain.failures import FailureKind
from worker.forge_failure import ForgeFailure
from worker.forge_progress import Sample


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of a 200, and whether the demo renderer sent it."""

    body: bytes
    demo: bool

    def json(self) -> Any:
        """Return the JSON; raises ForgeFailure when something else answers at Forge's address."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise _stranger("no JSON") from None

    def sample(self) -> Sample:
        """Return the sample of GET /progress; raises ForgeFailure."""
        try:
            return Sample.read(self.json())
        except (KeyError, TypeError, ValueError):
            raise _stranger("no progress") from None


def _stranger(detail: str) -> ForgeFailure:
    return ForgeFailure(FailureKind.UNREACHABLE, f"not an answer of Forge's: {detail}")
