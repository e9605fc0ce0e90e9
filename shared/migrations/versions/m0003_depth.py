"""Keep the line quick when it is long.

* `jobs_waiting_names`: the waiting jobs of those who are connected, by name as well as by id
* `jobs` is vacuumed after some thousand changes, however many rows it has: the front of the line's index is where every
  claim looks, and the entries of jobs that were claimed stay there until then
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE INDEX jobs_waiting_names ON jobs (username) WHERE status = 'queued'",
    "ALTER TABLE jobs SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)",
)


def upgrade() -> None:
    """Add the index and the setting; the only way is forward."""
    for statement in STATEMENTS:
        op.execute(statement)
