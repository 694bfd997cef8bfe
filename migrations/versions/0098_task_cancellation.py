"""Settings of clinics for the reasons of cancelled tasks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0098"
down_revision = "0097"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clinics", sa.Column("task_cancellation", JSONB(), nullable=False, server_default="{}"))
    op.add_column("clinics", sa.Column("task_cancellation_version", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    op.drop_column("clinics", "task_cancellation_version")
    op.drop_column("clinics", "task_cancellation")
