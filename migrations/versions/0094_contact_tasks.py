"""Tasks that a contact completes."""

import sqlalchemy as sa
from alembic import op

revision = "0094"
down_revision = "0093"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Tasks from before stay as they are: a contact completes the first call that is due."""
    op.add_column("lead_tasks", sa.Column("asks_for_contact", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("lead_tasks", "asks_for_contact")
