"""Let a callback be given up, a worker keep its counters in its row, and users be served in turn.

A database made today has all of it from the tables already: hence IF NOT EXISTS.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE webhook_outbox ADD COLUMN IF NOT EXISTS given_up_at timestamptz",
    "ALTER TABLE workers ADD COLUMN IF NOT EXISTS figures text",
    "ALTER TABLE jobs ADD COLUMN IF NOT EXISTS turn_before timestamptz",
    "CREATE TABLE IF NOT EXISTS user_turns (user_id text PRIMARY KEY, served_at timestamptz NOT NULL DEFAULT now())",
    "DROP INDEX IF EXISTS webhook_due",
    "CREATE INDEX webhook_due ON webhook_outbox (next_at) WHERE delivered_at IS NULL AND given_up_at IS NULL",
)


def upgrade() -> None:
    """Add what is missing; the only way is forward."""
    for statement in STATEMENTS:
        op.execute(statement)
