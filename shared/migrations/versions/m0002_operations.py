"""Let a callback be given up, and a worker keep its counters in its row."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE webhook_outbox ADD COLUMN IF NOT EXISTS given_up_at timestamptz",
    "ALTER TABLE workers ADD COLUMN IF NOT EXISTS figures text",
    "DROP INDEX IF EXISTS webhook_due",
    "CREATE INDEX webhook_due ON webhook_outbox (next_at) WHERE delivered_at IS NULL AND given_up_at IS NULL",
    "CREATE INDEX IF NOT EXISTS jobs_status ON jobs (status)",
)


def upgrade() -> None:
    """Add what is missing; the only way is forward."""
    for statement in STATEMENTS:
        op.execute(statement)
