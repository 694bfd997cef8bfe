"""Conversations: an index of leads by their last reply."""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("replied_at IS NOT NULL AND deleted_at IS NULL")
    op.create_index("ix_leads_replied", "leads", ["clinic_id", "replied_at", "id"], postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_leads_replied", "leads")
