"""Moves of the due time of steps, and the default gateway of a clinic."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("steps", sa.Column("moves", postgresql.JSONB(), nullable=True))
    op.add_column("gateways", sa.Column("is_default", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("uq_gateways_default", "gateways", ["clinic_id"], unique=True, postgresql_where="is_default")


def downgrade() -> None:
    op.drop_index("uq_gateways_default", "gateways")
    op.drop_column("gateways", "is_default")
    op.drop_column("steps", "moves")
