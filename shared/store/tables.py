"""The tables, as SQLAlchemy sees them; `shared/migrations` creates them.

| table          | one row is                                                           |
|----------------|----------------------------------------------------------------------|
| conversations  | a thread of messages, owned by one user                               |
| messages       | what a person or the bot said; `extra_metadata` holds the job's state |
| jobs           | one request for one image; the truth about the waiting line           |
| user_turns     | when a user was last served, for FAIR_SHARE                           |
| workers        | one GPU worker: its Forge, its circuit, what it runs, when it was seen |
| forge_leases   | the right to drive one Forge, and the generation known to be ours     |
| line_state     | the single row of the line: paused, and for how long so far           |
| webhook_outbox | a callback that must be delivered at least once                       |
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()


def _moment(name: str, *, required: bool = False) -> Column[object]:
    default = text("now()") if required else None
    return Column(name, DateTime(timezone=True), nullable=not required, server_default=default)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    _moment("created_at", required=True),
    _moment("updated_at", required=True),
)

messages = Table(
    "messages",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column(
        "conversation_id",
        ForeignKey("conversations.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("role", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("extra_metadata", JSONB, nullable=False, server_default=text("'{}'")),
    _moment("created_at", required=True),
    _moment("updated_at", required=True),
)

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("message_id", ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("conversation_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("username", Text),
    Column("status", Text, nullable=False),
    Column("stage", Text),
    _count("progress"),
    Column("priority", SmallInteger, nullable=False),
    Column("ticket", BigInteger, nullable=False, unique=True),
    _count("attempt"),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column(
        "change_seq",
        BigInteger,
        nullable=False,
        server_default=text("nextval('job_changes')"),
    ),
    Column("prompt", Text, nullable=False),
    Column("params", JSONB, nullable=False),
    Column("locale", Text, nullable=False),
    _moment("created_at", required=True),
    _moment("updated_at", required=True),
    _moment("started_at"),
    _moment("finished_at"),
    _count("queue_position"),
    Column("image_name", Text),
    _flag("image_expired"),
    Column("error_code", Text),
    Column("error", Text),
    _flag("retryable"),
    _flag("cancel_requested"),
    _moment("cancel_requested_at"),
    Column("retry_of", Text),
    Column("callback_url", Text),
    Column("idempotency_key", Text),
    Column("body_hash", Text),
    _count("deaths"),
    _count("bad_rounds"),
    _count("forge_deaths"),
    Column("worker", Text),
    Column("boot_id", Text),
    Column("forge", Text),
    Column("task_id", Text),
    _moment("lease_until"),
    _moment("alive_at"),
    _moment("sampling_at"),
    _flag("forge_loading"),
    Column("load_s", Double),
    Column("run_s", Double),
    _moment("turn_before"),
    Column("paused_s_before", Double, nullable=False, server_default=text("0")),
)

user_turns = Table(
    "user_turns",
    metadata,
    Column("user_id", Text, primary_key=True),
    _moment("served_at", required=True),
)

workers = Table(
    "workers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("boot_id", Text, nullable=False),
    Column("forge", Text, nullable=False),
    _flag("demo"),
    Column("problem", Text),
    Column("circuit", Text, nullable=False, server_default=text("'closed'")),
    _count("failures"),
    _moment("retry_at"),
    Column("job_id", Text),
    Column("lists", JSONB),
    _moment("seen_at", required=True),
    Column("figures", Text),
)

forge_leases = Table(
    "forge_leases",
    metadata,
    Column("forge", Text, primary_key=True),
    Column("worker", Text, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("task_id", Text),
    Column("job_timestamp", Text),
    _moment("lease_until", required=True),
)

line_state = Table(
    "line_state",
    metadata,
    Column("id", Integer, primary_key=True),
    _flag("paused"),
    _moment("paused_at"),
    Column("paused_s", Double, nullable=False, server_default=text("0")),
    Column("epoch", Text, nullable=False, server_default=text("''")),
)

webhook_outbox = Table(
    "webhook_outbox",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("webhook_id", Text, nullable=False, unique=True),
    Column("job_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("payload", JSONB, nullable=False),
    _count("tries"),
    _moment("next_at", required=True),
    _moment("created_at", required=True),
    _moment("delivered_at"),
    _moment("given_up_at"),
)
