"""Retired keys: keys without encrypted data, which processes need not have."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("key_checks", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("GRANT UPDATE ON key_checks TO relance_app")


def downgrade() -> None:
    op.execute("REVOKE UPDATE ON key_checks FROM relance_app")
    op.drop_column("key_checks", "retired_at")
