"""Enrollments of a sequence by when they began: what its performance is asked by."""

from alembic import op

revision = "0027"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_enrollments_enrolled", "enrollments", ["sequence_id", "enrolled_at"])


def downgrade() -> None:
    op.drop_index("ix_enrollments_enrolled", "enrollments")
