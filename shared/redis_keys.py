"""Every Redis key and channel, each with its type and who writes it.

All of it is speed, none of it truth: any key may vanish at any moment.
"""

#: STRING int: the ticket counter; never created by INCR, seeded from the store
TICKET_COUNTER = "image_queue_counter"

#: ZSET job_id -> priority * 2**40 + ticket: the waiting line's index (shared.line_index)
LINE = "forgeline:line"

#: STRING: the epoch of the index; missing after Redis lost its data (beat.reconcile)
EPOCH = "forgeline:epoch"

#: HASH task name -> unix seconds: when a duty of the clock last ended well (shared.duty_clock)
DUTIES = "forgeline:duties"

#: CHANNEL: every event (shared.domain.events)
EVENTS_CHANNEL = "forgeline:events"

#: ZSET "id:42" -> unix seconds by Redis's clock until which a socket of that member is open (api.relay)
WATCHERS = "forgeline:watchers"


def noted(job_id: str) -> str:
    """STRING int: the version of a job that the index noted last, with an expiry (shared.line_index)."""
    return f"forgeline:line:noted:{job_id}"


def preview(job_id: str) -> str:
    """HASH v, jpeg: the latest live preview of a job, with an expiry (worker.progress)."""
    return f"forgeline:preview:{job_id}"


def sockets_of(user_id: str) -> str:
    """ZSET seat -> unix seconds until which it counts: a user's open sockets, with an expiry (api.relay)."""
    return f"forgeline:sockets:{user_id}"


def alive(process: str) -> str:
    """STRING: this process of the API lives, with an expiry: its sockets' seats count (api.relay)."""
    return f"forgeline:alive:{process}"


def circuit(forge: str) -> str:
    """Namespace of a Forge's circuit breaker keys (worker.breaker)."""
    return f"forgeline:circuit:{forge}"


#: prefix of the rate limiter's keys (api.limits)
RATE_LIMITS = "forgeline:limits"
