"""Index of campaigns: the report of campaigns links to lists of leads by campaign."""

import sqlalchemy as sa
from alembic import op

revision = "0077"
down_revision = "0071"
branch_labels = None
depends_on = None

NAME = "ix_leads_campaign"
WITH_CAMPAIGN = sa.text("deleted_at IS NULL AND source_campaign IS NOT NULL")
COLUMNS = ["clinic_id", "source_campaign", "id"]


def upgrade() -> None:
    with op.get_context().autocommit_block():
        _drop()  # an interrupted build leaves an invalid index
        op.create_index(NAME, "leads", COLUMNS, postgresql_where=WITH_CAMPAIGN, postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop()


def _drop() -> None:
    op.drop_index(NAME, "leads", postgresql_concurrently=True, if_exists=True)
