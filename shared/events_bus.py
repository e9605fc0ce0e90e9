"""Events over Redis: whoever changed a job publishes it, every API process listens.

Publishing never raises and never waits long: an event may be lost, a state may not, and who missed one is told by the
sweep of the store. Call it after the commit; a process that dies between the two loses the event, nothing else.

A subscription is one connection that only listens. It proves that it lives by the heartbeat its own process publishes
(`Publisher.beat`): a link that is half open, or that leads to a server nobody writes to any more, falls silent.
"""

import logging
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError

from shared import redis_link
from shared.domain import events
from shared.redis_keys import EVENTS_CHANNEL

log = logging.getLogger(__name__)

#: a heartbeat is published so often, and a subscription that hears nothing for so long is given up
BEAT_S = 2.0
SILENCE_S = 3 * BEAT_S + 1


class Publisher:
    """Sends events to every API process; each method tells whether Redis took the message."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    def send_image_progress(self, job_view: dict[str, Any], audience: frozenset[str]) -> bool:
        """Tell the sockets of `audience` (typed members) the job's new state, as `client_view` made it."""
        return self._publish(events.encode(audience, events.image_progress(job_view)))

    def send_moved(self, told: Iterable[tuple[dict[str, Any], frozenset[str]]]) -> bool:
        """Tell of jobs that entered or left the line (views and audiences as above), and that it moved, in one step."""
        messages = [events.encode(audience, events.image_progress(view)) for view, audience in told]
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                for message in (*messages, events.LINE_MOVED):
                    pipe.publish(EVENTS_CHANNEL, message)
                pipe.execute()
        except RedisError as error:
            log.warning("%d event(s) were not published: %s", len(messages), error)
            return False
        return True

    def line_moved(self) -> bool:
        """Tell every API process that places, or held, paused or retry_at, may have changed."""
        return self._publish(events.LINE_MOVED)

    def beat(self) -> bool:
        """Prove to the subscriptions, ours first, that they live."""
        return self._publish(events.HEARTBEAT)

    def _publish(self, message: bytes) -> bool:
        try:
            self._redis.publish(EVENTS_CHANNEL, message)
        except RedisError as error:
            log.warning("an event was not published: %s", error)
            return False
        return True


class Subscription:
    """One connection to the events channel: `with Subscription(url) as subscription: subscription.receive()`.

    Entering raises RedisError unless the server confirmed the subscription.
    """

    def __init__(self, url: str) -> None:
        self._client = redis_link.connect(url, decode=False)
        self._link: Any = None

    def __enter__(self) -> Self:
        try:
            self._link = self._client.connection_pool.make_connection()
            self._link.connect()
            self._link.send_command("SUBSCRIBE", EVENTS_CHANNEL)
            self._link.read_response()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def receive(self, silence_s: float = SILENCE_S) -> bytes:
        """Return the next message; raises RedisError when the link broke or was silent for `silence_s`."""
        message: bytes = self._link.read_response(timeout=silence_s)[2]
        return message

    def close(self) -> None:
        """Give the connection back to the system."""
        if self._link is not None:
            self._link.disconnect()
        self._client.close()
