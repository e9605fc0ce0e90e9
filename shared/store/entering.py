"""A submission as one statement: its checks, conversation, two messages and job in one round trip.

    key       whether this Idempotency-Key made a job before     (these three only where they are asked for)
    line      how many wait
    mine      how many unfinished jobs the user has
    room      one row with two message ids if nothing speaks against it; all that follows stands on this row
    thread    the conversation, new or continued; no row for one that is not the user's
    entered   the job
    said      what the user said, and the bot's answer with the job in its metadata

Locks come first, as statements of their own: what follows sees what those before us committed. The statement is put
together from constants; every value is a parameter. Without a check, and with the place known, it is prepared: planning
takes PostgreSQL half as long as carrying it out. One that looks at the line is planned anew for the line as it is.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from shared.domain.jobs import PENDING_CONTENT, Job, Stage, Status, stored_view
from shared.store.one_statement import MOMENT, Run
from shared.store.prepared import Prepared

#: one for all: only a line that is nearly full is counted under it
LINE_LOCK = 0x4C494E45

_LOCK_USER = "SELECT pg_advisory_xact_lock(hashtextextended(%(user_id)s, 0));"
_LOCK_LINE = f"SELECT pg_advisory_xact_lock({LINE_LOCK});"

_NEW_THREAD = """
INSERT INTO conversations (id, user_id, title) SELECT %(conversation_id)s, %(user_id)s, %(title)s FROM room
RETURNING id"""
_OLD_THREAD = """
UPDATE conversations SET updated_at = clock_timestamp() FROM room
WHERE id = %(conversation_id)s AND user_id = %(user_id)s
RETURNING id"""

_STATEMENT = """
WITH {checks}
room AS (
  SELECT nextval('messages_id_seq') AS said, nextval('messages_id_seq') AS answered WHERE {condition}
),
thread AS ({thread}
),
entered AS (
  INSERT INTO jobs (
    job_id, message_id, conversation_id, user_id, username, status, stage, priority, ticket, prompt, params, locale,
    callback_url, idempotency_key, body_hash, queue_position, paused_s_before
  )
  SELECT %(job_id)s, room.answered, thread.id, %(user_id)s, %(username)s, %(unclaimed)s, %(stage)s, %(priority)s,
    %(ticket)s, %(prompt)s, %(params)s::jsonb, %(locale)s, %(callback_url)s, %(idempotency_key)s, %(body_hash)s,
    coalesce(%(position)s, (
      SELECT count(*) + 1 FROM jobs WHERE status = %(unclaimed)s AND (priority, ticket) < (%(priority)s, %(ticket)s))),
    (SELECT paused_s + coalesce(extract(epoch FROM clock_timestamp() - paused_at), 0) FROM line_state)
  FROM room, thread
  RETURNING message_id, queue_position, change_seq, created_at, updated_at
),
said AS (
  INSERT INTO messages (id, conversation_id, role, content, extra_metadata)
  SELECT room.said, thread.id, 'user', %(prompt)s, '{{}}'::jsonb FROM room, thread
  UNION ALL
  SELECT message_id, thread.id, 'bot', %(pending)s, %(view)s::jsonb || jsonb_build_object(
    'message_id', message_id, 'queue_position', queue_position,
    'created_at', to_char(created_at AT TIME ZONE 'UTC', %(moment)s),
    'updated_at', to_char(updated_at AT TIME ZONE 'UTC', %(moment)s))
  FROM entered, thread
)
SELECT {answers}, message_id, queue_position, change_seq, created_at, updated_at
FROM (VALUES (1)) AS one LEFT JOIN entered ON true
"""


_CONSTANTS = {
    "unclaimed": Status.QUEUED.value,
    "claimed": Status.PROCESSING.value,
    "stage": Stage.WAITING.value,
    "pending": PENDING_CONTENT,
    "moment": MOMENT,
}

#: what changes from one submission to the next, and its type
_ARGUMENTS = {
    "job_id": "text",
    "conversation_id": "text",
    "user_id": "text",
    "username": "text",
    "title": "text",
    "prompt": "text",
    "params": "jsonb",
    "priority": "integer",
    "ticket": "bigint",
    "position": "integer",
    "locale": "text",
    "callback_url": "text",
    "idempotency_key": "text",
    "body_hash": "text",
    "view": "jsonb",
}


class Checks(NamedTuple):
    """What must be looked at before the job may enter."""

    key: bool
    line: bool
    mine: bool


class _Check(NamedTuple):
    """A check as SQL: what it reads under its name, when the job may enter, and what is answered."""

    name: str
    query: str
    condition: str
    answer: str
    unasked: str = "NULL::bigint"


_CHECKS = (
    _Check(
        "key",
        "SELECT FROM jobs WHERE user_id = %(user_id)s AND idempotency_key = %(idempotency_key)s",
        "NOT EXISTS (SELECT FROM key)",
        "EXISTS (SELECT FROM key)",
        "false",
    ),
    _Check(
        "line",
        "SELECT count(*) AS n FROM (SELECT FROM jobs WHERE status = %(unclaimed)s LIMIT %(max_queue)s) AS seen",
        "(SELECT n FROM line) < %(max_queue)s",
        "(SELECT n FROM line)",
    ),
    _Check(
        "mine",
        "SELECT count(*) AS n FROM jobs WHERE user_id = %(user_id)s AND status IN (%(unclaimed)s, %(claimed)s)",
        "(SELECT n FROM mine) < %(max_mine)s",
        "(SELECT n FROM mine)",
    ),
)


class Outcome(NamedTuple):
    """What came of it; `job` is None when something spoke against it."""

    job: Job | None
    has_earlier: bool
    waiting: int | None
    mine: int | None


def enter(run: Run, draft: Job, values: dict[str, Any], checks: Checks) -> Outcome:
    """Store `draft` unless a check speaks against it; `run` sends a statement and returns its only row.

    `values`: title (None: continue the conversation), position (None: count), max_queue, max_mine.
    """
    looks, new_thread = any(checks) or values["position"] is None, values["title"] is not None
    statement = _statement(checks, new_thread=new_thread) if looks else _prepared(new_thread=new_thread)
    row = run(statement, _parameters(draft) | values)
    has_earlier, waiting, mine, message_id, position, change_seq, created_at, updated_at = row
    if message_id is None:
        return Outcome(None, has_earlier, waiting, mine)
    stored = {"message_id": message_id, "queue_position": position, "change_seq": change_seq}
    job = replace(draft, created_at=created_at, updated_at=updated_at, **stored)
    return Outcome(job, has_earlier, waiting, mine)


def draft_of(**values: Any) -> Job:
    """Return a job as it will stand; what the database gives it is still to come."""
    unknown: dict[str, Any] = {"message_id": 0, "change_seq": 0}
    never = datetime.fromtimestamp(0, UTC)
    begun: dict[str, Any] = {"status": Status.QUEUED, "stage": Stage.WAITING, "progress": 0, "attempt": 0, "version": 1}
    return Job(created_at=never, updated_at=never, **begun, **unknown, **values)


@lru_cache(maxsize=16)
def _statement(checks: Checks, *, new_thread: bool) -> str:
    asked = [check for check in _CHECKS if getattr(checks, check.name)]
    locks = (_LOCK_USER if checks.key or checks.mine else "") + (_LOCK_LINE if checks.line else "")
    return locks + _STATEMENT.format(
        checks="".join(f"{check.name} AS ({check.query})," for check in asked),
        condition=" AND ".join(check.condition for check in asked) or "true",
        thread=_NEW_THREAD if new_thread else _OLD_THREAD,
        answers=", ".join(check.answer if check in asked else check.unasked for check in _CHECKS),
    )


@lru_cache(maxsize=2)
def _prepared(*, new_thread: bool) -> Prepared:
    unchecked = Checks(key=False, line=False, mine=False)
    return Prepared.of(_statement(unchecked, new_thread=new_thread), _CONSTANTS, _ARGUMENTS)


def _parameters(draft: Job) -> dict[str, Any]:
    return {
        **_CONSTANTS,
        "job_id": draft.job_id,
        "conversation_id": draft.conversation_id,
        "user_id": draft.user_id,
        "username": draft.username,
        "priority": draft.priority,
        "ticket": draft.ticket,
        "prompt": draft.prompt,
        "params": _json(draft.params),
        "locale": draft.locale,
        "callback_url": draft.callback_url,
        "idempotency_key": draft.idempotency_key,
        "body_hash": draft.body_hash,
        "view": _json(stored_view(draft)),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
