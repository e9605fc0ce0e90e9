"""The process's one subscription, and the watch over it.

    connected ── broken, or silent ──▶ lost ── try again, 0.1 s … 5 s ──▶ connected: a gap was closed

Sockets stay open through all of it. While it is lost, the sweep alone brings changes, at a quicker pace.
"""

import logging
import random
from collections.abc import Callable

import gevent
from gevent.event import Event
from redis.exceptions import RedisError

from api.metrics_relay import GAPS
from shared.domain import events
from shared.domain.events import Kind
from shared.events_bus import BEAT_S, Publisher, Subscription

log = logging.getLogger(__name__)

FIRST_RETRY_S, LAST_RETRY_S = 0.1, 5.0


class Listener:
    """Reads the events channel for as long as the process lives."""

    def __init__(
        self,
        redis_url: str,
        *,
        publisher: Publisher,
        on_event: Callable[[frozenset[str], bytes], None],
        on_line: Callable[[], None],
        on_gap_closed: Callable[[], None],
    ) -> None:
        self._url = redis_url
        self._publisher = publisher
        self._on_event = on_event
        self._on_line = on_line
        self._on_gap_closed = on_gap_closed
        #: set while the subscription is known to work
        self.connected = Event()

    def run(self) -> None:
        """Listen for ever; a greenlet's body."""
        retry_s = FIRST_RETRY_S
        had_one = False
        while True:
            try:
                with Subscription(self._url) as subscription:
                    retry_s = FIRST_RETRY_S
                    self._now_connected(again=had_one)
                    had_one = True
                    self._listen(subscription)
            except RedisError as error:
                self._now_lost(error)
            gevent.sleep(retry_s * random.uniform(0.5, 1))  # noqa: S311 - jitter
            retry_s = min(2 * retry_s, LAST_RETRY_S)

    def beat(self) -> None:
        """Prove to the subscription that it lives, for ever; a greenlet's body."""
        while True:
            gevent.sleep(BEAT_S)
            if self.connected.is_set():
                self._publisher.beat()

    def _listen(self, subscription: Subscription) -> None:
        while True:
            envelope = events.decode(subscription.receive())
            if envelope is None:
                continue
            if envelope.kind is Kind.TO:
                self._on_event(envelope.audience, envelope.body)
            elif envelope.kind is Kind.LINE:
                self._on_line()

    def _now_connected(self, *, again: bool) -> None:
        self.connected.set()
        if again:
            log.info("the events of Redis are back")
            self._on_gap_closed()

    def _now_lost(self, error: RedisError) -> None:
        if self.connected.is_set():
            self.connected.clear()
            GAPS.inc()
            log.warning("the events of Redis are lost: %s", error)
