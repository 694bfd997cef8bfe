"""Quiet hours of a clinic, and the version of its hours."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

DEFAULT = '{"starts": "21:00", "ends": "08:00"}'


def upgrade() -> None:
    op.add_column("clinics", sa.Column("quiet_hours", postgresql.JSONB(), server_default=DEFAULT, nullable=True))
    op.add_column("clinics", sa.Column("hours_version", sa.Integer(), server_default="1", nullable=False))


def downgrade() -> None:
    op.drop_column("clinics", "hours_version")
    op.drop_column("clinics", "quiet_hours")
