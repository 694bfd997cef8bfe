"""Archived stages, and the stage that their leads move to."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pipeline_stages", sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("pipeline_stages", sa.Column("moves_to", sa.Text(), nullable=True))
    op.create_index(
        "ix_pipeline_stages_archived",
        "pipeline_stages",
        ["clinic_id", "slug"],
        postgresql_where=sa.text("archived_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_pipeline_stages_archived", "pipeline_stages")
    op.drop_column("pipeline_stages", "moves_to")
    op.drop_column("pipeline_stages", "archived_at")
