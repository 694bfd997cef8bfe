"""What entries of the timeline count as, and the entry of a message that a user wrote."""

import sqlalchemy as sa
from alembic import op

revision = "0099"
down_revision = "0098"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Entries from before count as they did."""
    op.add_column("lead_activities", sa.Column("counts_as", sa.Text(), nullable=True))
    op.add_column("notifications", sa.Column("activity_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("notifications", "activity_id")
    op.drop_column("lead_activities", "counts_as")
