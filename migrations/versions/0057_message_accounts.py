"""Sending accounts that templates and users name."""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notifications", sa.Column("account_name", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("notifications", "account_name")
