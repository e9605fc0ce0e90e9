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
        self._retry_s = FIRST_RETRY_S
        self._had_one = False
        #: set while the subscription is known to work
        self.connected = Event()

    def run(self) -> None:
        """Listen for ever; a greenlet's body."""
        while True:
            try:
                with Subscription(self._url) as subscription:
                    self._now_connected()
                    self._listen(subscription)
            except (RedisError, OSError) as error:
                self._now_lost(error)
            except Exception as error:
                log.exception("listening failed")
                self._now_lost(error)
            gevent.sleep(self._retry_s * random.uniform(0.5, 1))  # noqa: S311 - jitter
            self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)

    def beat(self) -> None:
        """Prove to the subscription that it lives, for ever; a greenlet's body."""
        while True:
            gevent.sleep(BEAT_S)
            if self.connected.is_set():
                self._publisher.beat()

    def _listen(self, subscription: Subscription) -> None:
        while True:
            message = subscription.receive()
            try:
                self._hear(message)
            except Exception:
                log.exception("a message of the channel was not understood")

    def _hear(self, message: bytes) -> None:
        envelope = events.decode(message)
        if envelope is None:
            return
        if envelope.kind is Kind.TO:
            self._on_event(envelope.audience, envelope.body)
        elif envelope.kind is Kind.LINE:
            self._on_line()

    def _now_connected(self) -> None:
        self._retry_s = FIRST_RETRY_S
        self.connected.set()
        if self._had_one:
            log.info("the events of Redis are back")
            self._on_gap_closed()
        self._had_one = True

    def _now_lost(self, error: Exception) -> None:
        if self.connected.is_set():
            self.connected.clear()
            GAPS.inc()
            log.warning("the events of Redis are lost: %s", error)
