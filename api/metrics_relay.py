"""What the relay counts; `/metrics` shows it.

In a process of several (`API_PROCESSES`) the values of all of them are added up.
"""

from prometheus_client import Counter, Gauge, Histogram

WEBSOCKETS_OPEN = Gauge(
    "forgeline_websockets_open", "Sockets that are authenticated and open.", multiprocess_mode="livesum"
)
#: direction: in (from Redis), swept (found by the sweep), out (handed to a socket),
#: coalesced (replaced by a newer one while waiting), dropped (their socket was too slow)
EVENTS = Counter("forgeline_events", "Events by what became of them.", ["direction"])
EVENTS_IN = EVENTS.labels("in")
EVENTS_SWEPT = EVENTS.labels("swept")
EVENTS_OUT = EVENTS.labels("out")
EVENTS_COALESCED = EVENTS.labels("coalesced")
EVENTS_DROPPED = EVENTS.labels("dropped")

CLOSES = Counter("forgeline_websocket_closes", "Closed sockets by close code; 1006: without a close frame.", ["code"])
FANOUT = Histogram(
    "forgeline_relay_fanout_seconds",
    "From the arrival of an event to its last socket.",
    buckets=(0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1),
)
GAPS = Counter("forgeline_relay_gaps", "Times the subscription was lost or fell silent.")
SNAPSHOT_SECONDS = Histogram("forgeline_relay_snapshot_seconds", "Reading one snapshot, waiting for its turn included.")

#: codes that get a label of their own; a peer may send any other
KNOWN_CODES = frozenset({1000, 1001, 1002, 1003, 1005, 1006, 1007, 1009, 1011, 1012, 1013, 4401, 4408, 4429})


def count_close(code: int) -> None:
    """Count one closed socket."""
    CLOSES.labels(str(code) if code in KNOWN_CODES else "other").inc()
