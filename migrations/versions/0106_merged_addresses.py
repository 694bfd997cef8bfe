"""Indexes of the phone numbers and addresses of merged duplicates, which lead to the surviving lead."""

import sqlalchemy as sa
from alembic import op

revision = "0106"
down_revision = "0105"
branch_labels = None
depends_on = None

TABLE = "leads"
COLUMNS = ("phone", "phone_alt", "email", "email_main")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name in COLUMNS:
            index, column = f"ix_leads_merged_{name}", f"{name}_blind"
            op.drop_index(index, TABLE, postgresql_concurrently=True, if_exists=True)  # of an interrupted build
            op.create_index(
                index,
                TABLE,
                ["clinic_id", column, sa.text("id DESC NULLS LAST")],
                postgresql_where=sa.text(f"{column} IS NOT NULL AND merged_into_id IS NOT NULL"),
                postgresql_concurrently=True,
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in COLUMNS:
            op.drop_index(f"ix_leads_merged_{name}", TABLE, postgresql_concurrently=True, if_exists=True)
