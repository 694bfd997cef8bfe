"""Enrollments of a sequence by when they began: what its performance is asked by; and room for them to go on.

Each step changes where its enrollment is, and nothing that an index holds: with room left in the page, none is written.
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
