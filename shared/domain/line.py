"""The order of the waiting line, and the places that follow from it.

    FAIR_SHARE=off   (priority, ticket): first come, first served
    FAIR_SHARE=on    within a priority users are served in turn, least recently served
                     first, each user's own jobs by ticket

Laws: places are 1…N without gap or double; a user's own jobs of one priority keep their
tickets' order; with one user both orders are the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heapify, heappop, heappush


@dataclass(frozen=True, slots=True, order=True)
class Standing:
    """One waiting job, as the order needs it."""

    priority: int
    ticket: int
    job_id: str
    user_id: str


def first_come(waiting: Iterable[Standing]) -> list[str]:
    """Return the job ids in the order (priority, ticket)."""
    return [standing.job_id for standing in sorted(waiting)]


def in_turn(waiting: Iterable[Standing], served_at: Mapping[str, datetime]) -> list[str]:
    """Return the job ids in the order in which users served in turn will be served.

    `served_at` says when each user was last served; who never was comes first, the one with
    the lowest ticket before the others.
    """
    turns = {user: moment.timestamp() for user, moment in served_at.items()}
    latest = max(turns.values(), default=0.0)
    order: list[str] = []
    for level in _levels(waiting):
        line = [(turns.get(user, 0.0), jobs[0].ticket, user, 0) for user, jobs in level.items()]
        heapify(line)
        while line:
            _, _, user, number = heappop(line)
            jobs = level[user]
            order.append(jobs[number].job_id)
            latest += 1.0
            turns[user] = latest
            if number + 1 < len(jobs):
                heappush(line, (latest, jobs[number + 1].ticket, user, number + 1))
    return order


def places(order: Sequence[str]) -> dict[str, int]:
    """Return each job's place, from 1."""
    return {job_id: number for number, job_id in enumerate(order, start=1)}


def _levels(waiting: Iterable[Standing]) -> list[dict[str, list[Standing]]]:
    """Return one map of user to jobs for each priority, the first priority first."""
    levels: dict[int, dict[str, list[Standing]]] = {}
    for standing in sorted(waiting):
        jobs = levels.setdefault(standing.priority, {})
        jobs.setdefault(standing.user_id, []).append(standing)
    return [levels[priority] for priority in sorted(levels)]
