"""A submission is one statement: what it writes is what the domain says, and its caps hold across processes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import redis_link
from shared.domain.errors import QueueFull
from shared.domain.identity import Identity
from shared.domain.jobs import Job, Priority, stored_view
from shared.line_index import LineIndex, Standing
from shared.store import Caps, NewJob, Store
from shared.store.room import SLACK, Count, Room
from tests.builders import ALICE, NO_CAPS, PARAMS, new_job

TICKETS = iter(range(1, 10**9))
#: what a database cannot hold is refused before it gets here
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=200)


@pytest.fixture
def index(redis_url: str) -> Iterator[LineIndex]:
    """An index that is believed."""
    client = redis_link.connect(redis_url)
    built = LineIndex(client)
    built.begin_epoch("epoch")
    yield built
    client.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=TEXT, negative=TEXT, name=st.none() | TEXT, continued=st.booleans())
def test_the_message_holds_the_job_as_the_domain_writes_it(
    store: Store, prompt: str, negative: str, name: str | None, continued: bool
) -> None:
    who = Identity("42", name)
    thread = _add(store, new_job(who)).conversation_id if continued else None
    wanted = new_job(who, prompt=prompt, params={**PARAMS, "negative_prompt": negative}, conversation_id=thread)
    job = _add(store, wanted)
    assert store.job(job.job_id) == job
    user, bot = store.messages_page(job.conversation_id, before=None, limit=2)
    assert (user.role, user.content, user.extra_metadata) == ("user", prompt, {})
    assert (bot.role, bot.content, bot.id) == ("bot", "[IMAGE_PENDING]", job.message_id)
    assert bot.extra_metadata == stored_view(job)


def test_the_cap_of_the_line_holds_when_many_users_submit_at_once(store: Store) -> None:
    others = [Store(store._url) for _ in range(2)]

    def submit(number: int) -> bool:
        try:
            _add([store, *others][number % 3], new_job(Identity(f"u{number}", None)), Caps(max_queue=5))
        except QueueFull:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(submit, range(24))) == 5
    for other in others:
        other.close()


def test_a_refused_submission_leaves_nothing(store: Store) -> None:
    _add(store, new_job())
    with pytest.raises(QueueFull):
        _add(store, new_job(), Caps(max_queue=1))
    assert len(store.conversations_page(ALICE.user_id, before=None, limit=9)) == 1


def test_a_line_that_was_counted_is_not_counted_again_before_it_could_be_full() -> None:
    room = Room()
    assert not room.surely(1, 10**6)
    room.counted(Count(ticket=100, waiting=50))
    assert room.surely(100 + 1000 - 50 - SLACK - 1, 1000)
    assert not room.surely(100 + 1000 - 50 - SLACK, 1000)
    assert not room.surely(99, 10**6), "the counter went back"


def test_a_place_is_known_with_the_ticket(index: LineIndex) -> None:
    entries = [index.enter(f"job{number}", Priority.NORMAL, lambda: 7) for number in range(3)]
    assert [entry.ticket for entry in entries] == [8, 9, 10]
    assert [entry.standing for entry in entries] == [Standing(1, 1), Standing(2, 2), Standing(3, 3)]
    assert index.enter("urgent", Priority.HIGH, lambda: 0).standing == Standing(1, 4)
    index.leave("job0")
    assert index.places(["job0", "job1", "job2", "urgent"]) == ({"urgent": 1, "job1": 2, "job2": 3}, 3)
    assert index.place("job0") == (None, 3)
    assert index.total() == 3


def test_an_index_that_is_not_believed_gives_a_ticket_and_no_place(redis_url: str) -> None:
    index = LineIndex(redis_link.connect(redis_url))
    assert index.enter("job", Priority.NORMAL, lambda: 0).standing is None
    assert index.places(["job"]) is None and index.total() is None


def _add(store: Store, new: NewJob, caps: Caps = NO_CAPS) -> Job:
    change, _ = store.add_job(new, ticket=next(TICKETS), caps=caps)
    return change.job
