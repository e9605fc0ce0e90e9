"""The POST for one picture and the looks at Forge beside it, each in a thread; what happens comes into one inbox.

    caller        sends the request, on the connection that the generation before has handed on where there is one
    post thread   waits for the answer and takes it in
    poll thread   asks /progress: early first, then every `poll_s`; a poll that hangs delays nobody; when the answer
                  begins it looks a last time, and hands its connection on to whoever follows

A 200 that begins means that Forge is done, whatever its body says: `Mark.ANSWERED` comes while the picture comes in.
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from worker.forge_failure import ForgeFailure
from worker.forge_looks import Looks
from worker.forge_preview import small_jpeg
from worker.forge_progress import Sample

if TYPE_CHECKING:
    from worker.forge import ForgeClient
    from worker.forge_wire import Exchange

TXT2IMG = "/sdapi/v1/txt2img"
#: How long a picture that is there waits for the last look at Forge's state.
LAST_LOOK_S = 1.0


class Mark(Enum):
    """What happens besides samples and the end of the request."""

    #: the headers of a 200 are there
    ANSWERED = "answered"


#: the body of the 200, how the request failed, a sample, a mark
Item = bytes | BaseException | Sample | Mark


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take, in seconds: FORGE_TIMEOUT_S, FORGE_LOAD_TIMEOUT_S, FORGE_MAX_S, PROGRESS_POLL_S.

    `stop_s`: how long Forge has to end what was interrupted; `stop_within_s`: less, for some reasons to stop.
    """

    timeout_s: float = 180
    load_timeout_s: float = 600
    max_s: float = 3600
    poll_s: float = 1
    stop_s: float = 30
    first_poll_s: float = 0.1
    stop_within_s: Mapping[str, float] = field(default_factory=dict)


class Request:
    """One request: `send`, then `next` until it is over."""

    def __init__(self, client: ForgeClient, body: Mapping[str, Any], limits: Limits, *, hands_on: bool = False) -> None:
        self._body, self._limits = json.dumps(body).encode(), limits
        self._exchange = client.exchange()
        self._looks = Looks(client, hands_on=hands_on)
        self._inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
        #: no more polls; the last look was taken
        self._over, self._looked = threading.Event(), threading.Event()
        self._answered = False
        self._last: Sample | None = None
        #: whether the polls ask for a preview, too
        self.with_preview = False
        #: the request is over; its answer was lost, on the way or at a proxy
        self.ended = self.lost = False

    def send(self, opened: Exchange | None = None) -> None:
        """Send the request from this very thread, for the GPU waits for it; then wait for the answer, and look.

        `opened`: a connection that another request has handed on.
        """
        self._exchange = opened or self._exchange
        try:
            if opened is None:
                self._exchange.connect()
            self._exchange.send("POST", TXT2IMG, self._body, answer_s=self._limits.max_s + 2 * self._limits.stop_s)
        except BaseException as error:
            self._exchange.close()
            self._inbox.put(error)
            return
        for name, work in (("post", self._converse), ("poll", self._poll)):
            threading.Thread(target=work, name=f"forge-{name}", daemon=True).start()

    def connection(self) -> Exchange | None:
        """Return the connection for the next request, if this one was answered and hands it on."""
        return self._looks.fetch()

    def look_no_more(self) -> None:
        """End the polls."""
        self._over.set()

    def next(self, timeout_s: float) -> Item | None:
        """Wait for the next thing to happen, and keep in mind how the request ended."""
        try:
            item = self._inbox.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(item, ForgeFailure):
            self.lost = item.cut_off
        self.ended = self.ended or (isinstance(item, bytes | BaseException) and not self.lost)
        return item

    def last_look(self) -> Sample | None:
        """Return the sample taken after the answer began; None when it could not be taken in time."""
        self._looked.wait(LAST_LOOK_S)
        return self._last

    def _converse(self) -> None:
        try:
            with self._exchange:
                self._inbox.put(self._body_of_200())
        except BaseException as error:
            self._inbox.put(error)

    def _body_of_200(self) -> bytes:
        response = self._exchange.headers()
        if response.status == 200:
            self._answered = True
            self._over.set()
            self._inbox.put(Mark.ANSWERED)
        return self._exchange.receive(response).body

    def _poll(self) -> None:
        with self._looks:
            self._look_until_over()
            if self._answered:
                with contextlib.suppress(ForgeFailure):
                    self._last = self._looks.take()
                self._looks.hand_on()
            self._looked.set()

    def _look_until_over(self) -> None:
        wait_s = min(self._limits.first_poll_s, self._limits.poll_s)
        while not self._over.wait(wait_s):
            with contextlib.suppress(ForgeFailure):
                sample = self._looks.take(with_preview=self.with_preview)
                self._inbox.put(replace(sample, preview=sample.preview and small_jpeg(sample.preview)))
            wait_s = self._limits.poll_s
