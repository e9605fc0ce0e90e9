"""Work that nobody should wait for, done in order by a thread of its own, many things at a time when they come fast."""

import logging
import time
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Item = TypeVar("Item")


class Background(Generic[Item]):
    """Hands everything put since the last time to `work`; the thread starts with the first thing put.

    At most `most` things wait: past that the oldest are dropped, so use it only for what is made up for elsewhere.
    After each time it rests for `rest_s`: what comes fast goes together, what comes alone goes at once.
    """

    def __init__(self, name: str, work: Callable[[list[Item]], None], *, most: int, rest_s: float = 0.0) -> None:
        self._name = name
        self._work = work
        self._rest_s = rest_s
        self._waiting: deque[Item] = deque(maxlen=most)
        self._filled = Condition()
        self._thread: Thread | None = None

    def put(self, item: Item) -> None:
        """Have `item` worked soon; never waits."""
        with self._filled:
            self._waiting.append(item)
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._filled.notify()

    def _run(self) -> None:
        while True:
            with self._filled:
                self._filled.wait_for(lambda: bool(self._waiting))
                items = list(self._waiting)
                self._waiting.clear()
            try:
                self._work(items)
            except Exception:
                log.exception("%s: %d thing(s) were lost", self._name, len(items))
            if self._rest_s:
                time.sleep(self._rest_s)
