"""The orders of the waiting line: places without gap, turns that are fair."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.line import Standing, first_come, in_turn, places

START = datetime(2026, 1, 1, tzinfo=UTC)

lines = st.lists(
    st.tuples(st.sampled_from([0, 10]), st.sampled_from("abcd")),
    max_size=30,
).map(lambda rows: [Standing(first, ticket, f"j{ticket}", user) for ticket, (first, user) in enumerate(rows)])
turns = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 50).map(lambda hours: START + timedelta(hours=hours)))


@given(lines, turns)
def test_places_are_one_to_n_without_gap_or_double(line: list[Standing], served: dict[str, datetime]) -> None:
    for order in (first_come(line), in_turn(line, served)):
        assert sorted(places(order).values()) == list(range(1, len(line) + 1))
        assert set(order) == {standing.job_id for standing in line}


@given(lines, turns)
def test_a_users_own_jobs_of_one_priority_keep_their_order(line: list[Standing], served: dict[str, datetime]) -> None:
    at = places(in_turn(line, served))
    for first in line:
        later = [other for other in line if other.user_id == first.user_id and other.priority == first.priority]
        assert all(at[first.job_id] <= at[other.job_id] for other in later if other.ticket >= first.ticket)


@given(lines, turns)
def test_a_higher_priority_stands_before(line: list[Standing], served: dict[str, datetime]) -> None:
    priority = {standing.job_id: standing.priority for standing in line}
    levels = [priority[job_id] for job_id in in_turn(line, served)]
    assert levels == sorted(levels)


@given(lines)
def test_alone_both_orders_are_the_same(line: list[Standing]) -> None:
    mine = [Standing(each.priority, each.ticket, each.job_id, "me") for each in line]
    assert in_turn(mine, {}) == first_come(mine)


@given(lines, turns)
def test_nobody_is_served_twice_while_another_waits_in_the_round(
    line: list[Standing], served: dict[str, datetime]
) -> None:
    flat = [Standing(0, each.ticket, each.job_id, each.user_id) for each in line]
    users = {each.job_id: each.user_id for each in flat}
    left = Counter(users.values())
    done: Counter[str] = Counter()
    for job_id in in_turn(flat, served):
        user = users[job_id]
        waiting = [other for other in left if left[other] > 0]
        assert done[user] == min(done[other] for other in waiting)
        done[user] += 1
        left[user] -= 1


@given(lines, turns)
def test_the_order_told_is_the_order_of_serving_one_by_one(line: list[Standing], served: dict[str, datetime]) -> None:
    told = in_turn(line, served)
    waiting, clock, ran = list(line), START + timedelta(days=99), []
    turns_now = dict(served)
    while waiting:
        first = in_turn(waiting, turns_now)[0]
        standing = next(each for each in waiting if each.job_id == first)
        clock += timedelta(seconds=1)
        turns_now[standing.user_id] = clock
        waiting.remove(standing)
        ran.append(first)
    assert ran == told
