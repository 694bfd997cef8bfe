"""An index of the messages that rules and sequences sent to leads, for the report about automation."""

import sqlalchemy as sa
from alembic import op

revision = "0100"
down_revision = "0099"
branch_labels = None
depends_on = None

NAME, TABLE = "ix_notifications_series", "notifications"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(NAME, TABLE, postgresql_concurrently=True, if_exists=True)  # of an interrupted build
        op.create_index(
            NAME,
            TABLE,
            ["clinic_id", "lead_id", "series"],
            postgresql_where=sa.text("user_id IS NULL AND series IS NOT NULL"),
            postgresql_include=["sent_at"],
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(NAME, TABLE, postgresql_concurrently=True, if_exists=True)
