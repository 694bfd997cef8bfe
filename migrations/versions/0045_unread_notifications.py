"""An index of the unread in-app messages of a user, for their number and for marking all as read."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        ["user_id", "id"],
        postgresql_where=sa.text("channel = 'in_app' AND user_id IS NOT NULL AND read_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_notifications_unread", "notifications")
