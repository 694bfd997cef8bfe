"""Contact policy: limits of a clinic, opted-out channels of leads, and contacts by lead.

Rows that older processes write meanwhile have no series and no hand-over time; they count by time of sending or
creation.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

CONTACTED_AT = "COALESCE(handed_over_at, sent_at, created_at)"
IS_CONTACT = "user_id IS NULL AND state <> ALL (ARRAY['failed'::text, 'suppressed'::text])"


def upgrade() -> None:
    policy = sa.Column("contact_policy", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="{}")
    op.add_column("clinics", policy)
    op.add_column("clinics", sa.Column("contact_policy_version", sa.Integer(), nullable=False, server_default="1"))
    channels = sa.Column("opted_out_channels", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}")
    op.add_column("leads", channels)
    op.add_column("notifications", sa.Column("series", sa.Text(), nullable=True))
    op.add_column("notifications", sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_notifications_touches",
        "notifications",
        ["lead_id", sa.text(CONTACTED_AT)],
        postgresql_where=sa.text(IS_CONTACT),
    )


def downgrade() -> None:
    op.drop_index("ix_notifications_touches", "notifications")
    op.drop_column("notifications", "handed_over_at")
    op.drop_column("notifications", "series")
    op.drop_column("leads", "opted_out_channels")
    op.drop_column("clinics", "contact_policy_version")
    op.drop_column("clinics", "contact_policy")
