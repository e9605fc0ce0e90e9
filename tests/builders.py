"""What tests submit."""

from itertools import count
from typing import Any

from shared.domain.identity import Identity
from shared.domain.jobs import Job, Priority
from shared.store import Caps, NewJob, Store

ALICE = Identity("42", "alice")
BOB = Identity("7", "bob")
ADMIN = Identity("1", "root", frozenset({"admin"}))
NO_CAPS = Caps(max_queue=1_000_000)
PARAMS: dict[str, Any] = {
    "negative_prompt": "",
    "width": 512,
    "height": 512,
    "steps": 4,
    "cfg_scale": 1.0,
    "distilled_cfg_scale": 3.5,
    "sampler_name": "Euler",
    "scheduler": "Simple",
    "seed": -1,
    "model": None,
}

_tickets = count(1)


def new_job(identity: Identity = ALICE, **values: Any) -> NewJob:
    """Return a submission by `identity`."""
    wanted: dict[str, Any] = {
        "user_id": identity.user_id,
        "username": identity.username,
        "prompt": "a lighthouse in a storm",
        "params": PARAMS,
        "priority": Priority.NORMAL,
        "locale": "en",
    }
    return NewJob(**{**wanted, **values})


def next_ticket() -> int:
    """Return a ticket after all that this process has drawn: no test may know how many the tests before it took."""
    return next(_tickets)


def stored_job(store: Store, identity: Identity = ALICE, **values: Any) -> Job:
    """Store a submission and return its job."""
    change, _ = store.add_job(new_job(identity, **values), ticket=next_ticket(), caps=NO_CAPS)
    return change.job
