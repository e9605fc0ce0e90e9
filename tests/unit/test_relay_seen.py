"""What a process knows of each job."""

import tracemalloc

from api.relay.seen import REMEMBERED, Seen


def stamp(version: int, attempt: int = 1) -> tuple[int, int, str]:
    return attempt, version, "2026-01-01T00:00:00.000Z"


def test_a_live_event_that_was_overtaken_is_dropped_and_the_same_version_may_come_again() -> None:
    seen = Seen()
    assert seen.live("a", stamp(5))
    assert seen.live("a", stamp(5))
    assert not seen.live("a", stamp(4))
    assert seen.live("a", stamp(1, attempt=2))
    assert seen.live("b", stamp(1))


def test_the_sweep_brings_only_what_no_event_brought() -> None:
    seen = Seen()
    seen.live("a", stamp(5))
    assert not seen.swept("a", stamp(5))
    assert seen.swept("a", stamp(6))
    assert not seen.swept("a", stamp(6))


def test_what_one_sockets_snapshot_told_is_still_swept_for_the_others_but_nothing_older_is() -> None:
    seen = Seen()
    seen.told("a", stamp(6))
    assert not seen.live("a", stamp(5))
    assert not seen.swept("a", stamp(5))
    assert seen.swept("a", stamp(6))


def test_the_memory_is_bounded_and_forgets_the_longest_unchanged() -> None:
    seen = Seen(limit=2)
    for job_id in ("a", "b", "a", "c"):
        seen.live(job_id, stamp(5))
    assert not seen.live("a", stamp(4))
    assert seen.live("b", stamp(4))


def test_a_whole_look_of_the_sweep_is_remembered_in_little_memory() -> None:
    seen = Seen()
    tracemalloc.start()
    for number in range(2 * REMEMBERED):
        seen.live(f"job {number}", stamp(5))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 3 * 2**20
    assert not any(seen.swept(f"job {number}", stamp(5)) for number in range(2 * REMEMBERED - 4000, 2 * REMEMBERED))
