"""A long waiting line, made in SQL: many jobs of as many owners, faster than they could be submitted."""

import json

from sqlalchemy import text

from shared.domain.jobs import Priority, Stage, Status
from shared.line_index import LineIndex, score
from shared.redis_keys import LINE
from shared.store import Store
from tests.builders import PARAMS

_STATEMENTS = (
    """INSERT INTO conversations (id, user_id, title)
       SELECT 'crowd' || n, 'u' || n, 'crowd' FROM generate_series(:first, :last) AS n""",
    """INSERT INTO messages (conversation_id, role, content)
       SELECT 'crowd' || n, 'bot', '[IMAGE_PENDING]' FROM generate_series(:first, :last) AS n""",
    """INSERT INTO jobs (job_id, message_id, conversation_id, user_id, username, status, stage, priority, ticket,
                         prompt, params, locale)
       SELECT lpad(to_hex(n), 8, '0') || '-0000-4000-8000-000000000000', messages.id, 'crowd' || n, 'u' || n,
              'name' || n, :status, :stage, :priority, n, 'a lighthouse', CAST(:params AS jsonb), 'en'
       FROM generate_series(:first, :last) AS n JOIN messages ON conversation_id = 'crowd' || n""",
)


def fill_line(store: Store, count: int) -> list[str]:
    """Let `count` jobs of the users `u<ticket>` wait behind all others; return their ids in order."""
    first = store.highest_ticket() + 1
    values = {
        "first": first,
        "last": first + count - 1,
        "status": Status.QUEUED.value,
        "stage": Stage.WAITING.value,
        "priority": Priority.NORMAL,
        "params": json.dumps(PARAMS),
    }
    with store.engine.begin() as connection:
        for statement in _STATEMENTS:
            wanted = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), wanted)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE conversations, messages, jobs"))
    return [f"{ticket:08x}-0000-4000-8000-000000000000" for ticket in range(first, first + count)]


def index_line(store: Store, index: LineIndex) -> None:
    """Let the index know everyone who waits, and the counter every ticket."""
    index.begin_epoch("crowd")
    for start in range(0, len(line := store.waiting_scores()), 5000):
        index._redis.zadd(LINE, {job_id: score(*place) for job_id, *place in line[start : start + 5000]})
    index.raise_ticket(store.highest_ticket())
