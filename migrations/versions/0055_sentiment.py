"""Sentiment of messages from leads: a setting of the clinic, and the label of each activity."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clinics", sa.Column("detects_sentiment", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("clinics", sa.Column("sentiment_version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("lead_activities", sa.Column("sentiment", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("lead_activities", "sentiment")
    op.drop_column("clinics", "sentiment_version")
    op.drop_column("clinics", "detects_sentiment")
