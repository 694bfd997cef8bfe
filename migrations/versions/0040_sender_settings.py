"""Sender settings of a clinic: the sender's name and the postal address of its messages."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clinics", sa.Column("sender_name", sa.Text(), nullable=True))
    op.add_column("clinics", sa.Column("postal_address", sa.Text(), nullable=True))
    op.add_column("clinics", sa.Column("sender_version", sa.Integer(), server_default="1", nullable=False))


def downgrade() -> None:
    op.drop_column("clinics", "sender_version")
    op.drop_column("clinics", "postal_address")
    op.drop_column("clinics", "sender_name")
