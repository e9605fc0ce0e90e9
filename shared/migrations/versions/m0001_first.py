"""Create the tables, the sequence of changes and the indexes the queries need.

* `jobs_waiting`: the claim's order; also answers a position by an index-only count
* `jobs_leases`: the sweep for dead workers
* `jobs_owner`, `jobs_unfinished`: my jobs, newest first; my unfinished ones and caps
* `jobs_idempotency`: one job per user and key, also when two arrive at once
* `jobs_changes`: what changed since, for a relay that missed events
"""

import sqlalchemy as sa
from alembic import op

from shared.store.tables import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INDEXES = (
    "CREATE INDEX jobs_waiting ON jobs (priority, ticket) INCLUDE (job_id, user_id) WHERE status = 'queued'",
    "CREATE INDEX jobs_leases ON jobs (lease_until) WHERE status = 'processing'",
    "CREATE INDEX jobs_owner ON jobs (user_id, ticket DESC)",
    "CREATE INDEX jobs_unfinished ON jobs (user_id) WHERE status IN ('queued', 'processing')",
    "CREATE UNIQUE INDEX jobs_idempotency ON jobs (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL",
    "CREATE INDEX jobs_changes ON jobs (change_seq)",
    "CREATE INDEX jobs_message ON jobs (message_id, ticket)",
    "CREATE INDEX jobs_conversation ON jobs (conversation_id)",
    "CREATE INDEX jobs_image ON jobs (image_name) WHERE image_name IS NOT NULL",
    "CREATE INDEX jobs_finished ON jobs (finished_at DESC) WHERE status = 'complete'",
    "CREATE INDEX conversations_owner ON conversations (user_id, updated_at DESC, id)",
    "CREATE INDEX messages_thread ON messages (conversation_id, id)",
    "CREATE INDEX webhook_due ON webhook_outbox (next_at) WHERE delivered_at IS NULL",
)


def upgrade() -> None:
    """Create everything; the only way is forward."""
    op.execute("CREATE SEQUENCE job_changes")
    metadata.create_all(op.get_bind())
    for index in INDEXES:
        op.execute(index)
    op.execute(sa.text("INSERT INTO line_state (id) VALUES (1)"))
