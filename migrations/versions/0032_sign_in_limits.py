"""Idle time-out and emergency access of sign-ins."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sign_ins", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sign_ins", sa.Column("emergency_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("sign_ins", "emergency_until")
    op.drop_column("sign_ins", "last_used_at")
