"""The looks at Forge beside one generation, all over one connection, which may carry the next generation's request.

It is opened when the generation begins and asked at each poll. The last look, when the answer begins, proves that it
lives; so the next request goes out on it milliseconds later, and the GPU waits for no connection to be made. One that
Forge closed meanwhile (it does after 30 s without a request: its --timeout-keep-alive) is replaced by a new one.
"""

from __future__ import annotations

import contextlib
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from worker.forge_failure import ForgeFailure
from worker.forge_progress import Sample

if TYPE_CHECKING:
    from worker.forge import ForgeClient
    from worker.forge_wire import Exchange


class Looks:
    """For the thread that polls; its `with` block closes the connection, unless it was handed on."""

    def __init__(self, client: ForgeClient, *, hands_on: bool) -> None:
        self._client = client
        self._link: Exchange | None = None
        self._lock = threading.Lock()
        #: whether somebody waits for the connection, and where it lies until it is fetched
        self._wanted = hands_on
        self._handed_on: Exchange | None = None

    def __enter__(self) -> Self:
        with contextlib.suppress(ForgeFailure):
            self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def take(self, *, with_preview: bool = False) -> Sample:
        """Look at Forge; raises ForgeFailure."""
        if self._link is not None:
            with contextlib.suppress(ForgeFailure):
                return self._client.progress(with_preview=with_preview, over=self._link)
            self._close()
        return self._client.progress(with_preview=with_preview, over=self._open())

    def hand_on(self) -> None:
        """Leave the connection to whoever fetches it."""
        with self._lock:
            if self._wanted and self._link is not None and self._link.is_open:
                self._handed_on, self._link = self._link, None

    def fetch(self) -> Exchange | None:
        """Return the connection that was handed on, for its taker to close; from now on none is. Any thread may."""
        with self._lock:
            self._wanted = False
            handed_on, self._handed_on = self._handed_on, None
            return handed_on

    def _open(self) -> Exchange:
        self._link = self._client.exchange()
        self._link.connect()
        return self._link

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None
