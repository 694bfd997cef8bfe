"""Optimistic locking: version numbers of sources and stages."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("lead_sources", "pipeline_stages"):
        op.add_column(table, sa.Column("version", sa.Integer(), server_default="1", nullable=False))


def downgrade() -> None:
    for table in ("pipeline_stages", "lead_sources"):
        op.drop_column(table, "version")
