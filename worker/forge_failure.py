"""What can go wrong at Forge, made ours: one exception, one pure classification.

Forge answers almost every fault with status 500 and tells the cause only in its text, so the text decides:

| answer                                                              | kind            | counts for the breaker |
|---------------------------------------------------------------------|-----------------|------------------------|
| refused, reset, 502, 503, 504, 404 while it boots, 408, 429, 3xx     | unreachable     | yes                    |
| 500 "… sd_checkpoint_info", "CLIP state dict", "CUDA error" …        | poisoned        | yes                    |
| 500 "out of memory"                                                  | out_of_memory   | no                     |
| 500 TypeError, KeyError, ValueError, ZeroDivisionError …             | rejected        | no                     |
| any other 5xx                                                        | server_error    | yes                    |
| 401, 403                                                             | unauthorized    | no; drawing: it opens  |
| 404 or 500 that names a missing model                                | model_not_found | no                     |
| any other 4xx                                                        | rejected        | no                     |
| 200 without a usable image                                           | bad_image       | no                     |
| no sign of life                                                      | timeout         | yes                    |

Source: Forge's modules/api/api.py (`api_middleware`); the demo renderer fails in the same words (cli.demo_faults).
"""

from __future__ import annotations

import json
import re
from typing import Any

from shared.domain.failures import FailureKind

MAX_DETAIL_CHARS = 300

COUNTING = frozenset({FailureKind.TIMEOUT, FailureKind.UNREACHABLE, FailureKind.POISONED, FailureKind.SERVER_ERROR})
#: A proxy in front of Forge speaking for it, or a server that asks to come again.
AWAY = frozenset({408, 425, 429, 502, 503, 504})
#: A proxy's own words for a Forge that it lost or waits for no longer (524: Cloudflare's).
OF_A_PROXY = frozenset({502, 503, 504, 524})
#: Those that may also mean that Forge never got what was asked.
NOT_PASSED_ON = frozenset({502, 503})
#: Exceptions that say: what we sent makes no sense to this Forge.
TYPE_ERRORS = frozenset(
    {"TypeError", "KeyError", "IndexError", "ValueError", "AssertionError", "ZeroDivisionError", "AttributeError"}
)

OUT_OF_MEMORY = re.compile(r"out of memory|OutOfMemoryError|can't allocate memory|not enough memory", re.I)
POISONED = re.compile(
    r"sd_checkpoint_info|CLIP state dict|recognize model type|CUDA error|device-side assert|illegal memory access"
    r"|CUDA driver|cuDNN error",
    re.I,
)
MODEL_NOT_FOUND = re.compile(r"(model|checkpoint)\b.*\bnot found|could not find checkpoint", re.I)

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\uffff]+")
_PATHS = re.compile(r"(?:[A-Za-z]:\\|\\\\|/)[^\s'\",;:]*[/\\][^\s'\",;:]*")


class ForgeFailure(Exception):
    """One try at Forge failed.

    `counts`: it counts for the circuit breaker. `sent`: the generation was asked for. `died`: Forge went away while
    it worked on it. `idle_again`: False when Forge may still be working on what we gave up.
    `status`: of its answer, None without one. `gone`: nobody listens there at all. `detail` is for the log, bounded,
    without paths.
    """

    def __init__(
        self,
        kind: FailureKind,
        detail: str = "",
        *,
        sent: bool = False,
        idle_again: bool = True,
        status: int | None = None,
        gone: bool = False,
    ) -> None:
        self.kind, self.sent, self.idle_again, self.status, self.gone = kind, sent, idle_again, status, gone
        self.died = False
        self.detail = sanitised(detail)
        super().__init__(f"{kind.value}: {self.detail}")

    @property
    def counts(self) -> bool:
        """Tell whether this failure counts for the circuit breaker."""
        return self.kind in COUNTING

    @property
    def cut_off(self) -> bool:
        """Tell whether the answer was lost, here or at a proxy: Forge may go on with what was asked for."""
        return self.sent and (self.status is None or self.status in OF_A_PROXY)


class GenerationStopped(Exception):
    """We ended a generation ourselves; whatever Forge answered was thrown away.

    `stopped` is False when Forge was still at it after the time to wait: it may be left generating.
    """

    def __init__(self, reason: str, *, stopped: bool) -> None:
        self.reason, self.stopped = reason, stopped
        super().__init__(f"{reason}, {'stopped' if stopped else 'not stopped'}")


def classify(status: int, body: bytes, *, sent: bool = False) -> ForgeFailure:
    """Return the failure that an answer other than 200 means."""
    error, text = _error_and_text(body)
    return ForgeFailure(_kind(status, error, text), f"{status} {error} {text}", sent=sent, status=status)


def sanitised(text: str) -> str:
    """Return a text fit for a log line: printable, short, without the server's paths."""
    return _PATHS.sub("<path>", _UNPRINTABLE.sub(" ", text)).strip()[:MAX_DETAIL_CHARS]


def _kind(status: int, error: str, text: str) -> FailureKind:
    if status in (401, 403):
        return FailureKind.UNAUTHORIZED
    if status in AWAY or status < 400:
        return FailureKind.UNREACHABLE
    if status == 404 and text in ("", "Not Found"):
        return FailureKind.UNREACHABLE
    if status < 500:
        return FailureKind.MODEL_NOT_FOUND if MODEL_NOT_FOUND.search(text) else FailureKind.REJECTED
    return _kind_of_500(error, text)


def _kind_of_500(error: str, text: str) -> FailureKind:
    whole = f"{error}: {text}"
    for pattern, kind in (
        (OUT_OF_MEMORY, FailureKind.OUT_OF_MEMORY),
        (POISONED, FailureKind.POISONED),
        (MODEL_NOT_FOUND, FailureKind.MODEL_NOT_FOUND),
    ):
        if pattern.search(whole):
            return kind
    return FailureKind.REJECTED if error in TYPE_ERRORS else FailureKind.SERVER_ERROR


def _error_and_text(body: bytes) -> tuple[str, str]:
    """Read (exception class, text) from any dialect: `message`, `errors`, `detail` as text or as list."""
    try:
        answer = json.loads(body)
        if not isinstance(answer, dict):
            return "", ""
        texts = (_text(answer.get(key)) for key in ("message", "errors", "detail"))
        return _text(answer.get("error")), next((text for text in texts if text), "")
    except (ValueError, RecursionError):
        return "", ""


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(_fault(each) for each in value)
    if isinstance(value, dict):
        return _text(value.get("msg"))
    return value if isinstance(value, str) else ""


def _fault(fault: Any) -> str:
    if not isinstance(fault, dict):
        return ""
    where = fault.get("loc")
    place = ".".join(str(part) for part in (where if isinstance(where, list) else ()) if isinstance(part, str | int))
    return f"{place}: {_text(fault.get('msg'))}"
