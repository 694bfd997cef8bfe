"""Index of pending steps by kind, clinic and due time: workers and the sweep take steps by turns of clinics."""

from alembic import op
from sqlalchemy import text

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_steps_due_by_clinic",
        "steps",
        ["kind", "clinic_id", "due_at", "id"],
        postgresql_where=text("state IN ('planned', 'published')"),
    )


def downgrade() -> None:
    op.drop_index("ix_steps_due_by_clinic", "steps")
