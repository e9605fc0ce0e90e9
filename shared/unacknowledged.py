"""Wake-ups need no acknowledgement: one that is lost is rung again, so Redis forgets each as it hands it out.

An acknowledgement that failed at a half-open connection was worse than none: Celery went on without it, took the
message for one still at work, and fetched no other until it was restarted.
"""

from celery.worker.request import Request
from kombu import Queue


def queue(name: str) -> Queue:
    """Return a queue whose messages are gone once they are handed out."""
    return Queue(name, no_ack=True)  # type: ignore[no-untyped-call]  # kombu's own constructor


class WakeUp(Request):  # type: ignore[misc]  # Celery has no types
    """A message of such a queue."""

    def acknowledge(self) -> None:
        """Nobody waits for it."""
        self.acknowledged = True
