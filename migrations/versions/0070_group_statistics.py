"""Statistics of rollup groups: PostgreSQL sees how few different groups a report has, and hashes instead of sorting."""

from alembic import op

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None

NAME, TABLE = "lead_rollup_groups_columns", "lead_rollup_groups"
COLUMNS = (  # at most eight
    *("source_id", "assigned_to_id", "first_touch_source_id", "last_touch_source_id"),
    *("status", "pipeline_stage", "past_stages", "lost_reason"),
)


def upgrade() -> None:
    op.execute(f"CREATE STATISTICS {NAME} (ndistinct) ON {', '.join(COLUMNS)} FROM {TABLE}")
    op.execute(f"ANALYZE {TABLE}")


def downgrade() -> None:
    op.execute(f"DROP STATISTICS {NAME}")
