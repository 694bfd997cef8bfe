"""Index of enrollments by start, for performance reports, and a lower fill factor of enrollments.

Each step updates its enrollment in columns without an index. With free space in the page the update is heap-only (HOT)
and writes no index.
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_enrollments_enrolled", "enrollments", ["sequence_id", "enrolled_at"])
    op.execute("ALTER TABLE enrollments SET (fillfactor = 70)")


def downgrade() -> None:
    op.execute("ALTER TABLE enrollments RESET (fillfactor)")
    op.drop_index("ix_enrollments_enrolled", "enrollments")
