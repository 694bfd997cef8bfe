"""Settings of follow-ups: how many tasks that rules create for many leads a user gets in an hour."""

import sqlalchemy as sa
from alembic import op

revision = "0102"
down_revision = "0101"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clinics", sa.Column("spread_tasks_per_hour", sa.Integer(), server_default="6", nullable=False))
    op.add_column("clinics", sa.Column("follow_ups_version", sa.Integer(), server_default="1", nullable=False))


def downgrade() -> None:
    op.drop_column("clinics", "follow_ups_version")
    op.drop_column("clinics", "spread_tasks_per_hour")
