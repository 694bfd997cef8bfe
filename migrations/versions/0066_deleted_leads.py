"""Index of deleted leads: reports about tasks exclude the tasks of these leads, and read no other lead."""

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None
NAME = "ix_leads_deleted"


def upgrade() -> None:
    op.create_index(NAME, "leads", ["clinic_id", "id"], postgresql_where=sa.text("deleted_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_index(NAME, "leads")
