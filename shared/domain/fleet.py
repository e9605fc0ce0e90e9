"""How a GPU worker stands, as everybody sees it: the state of its circuit, and what it cannot work for."""

from enum import StrEnum

#: by this header of its answers a worker tells the demo renderer from a Forge
DEMO_HEADER = "X-Forgeline-Demo"


class CircuitState(StrEnum):
    """What a worker's circuit breaker lets through to its Forge."""

    #: everything
    CLOSED = "closed"
    #: nothing, until its time is over
    OPEN = "open"
    #: one probe
    HALF_OPEN = "half_open"


class WorkerProblem(StrEnum):
    """Why a worker cannot use its Forge now."""

    #: nothing answers there, or nothing usable
    UNREACHABLE = "unreachable"
    #: it wants other credentials, or a proxy before it refuses us
    UNAUTHORIZED = "unauthorized"
    #: it draws what is not ours, or another worker drives it
    BUSY_ELSEWHERE = "busy_elsewhere"
    #: it lost its model: every request fails
    POISONED = "poisoned"
