"""Outages of channels and gateways, and an index of the steps that wait for them."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel_outages",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("gateway_id", sa.Uuid(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("target", name=op.f("pk_channel_outages")),
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON channel_outages TO relance_app")
    op.create_index(
        "ix_steps_waiting_for_channel",
        "steps",
        ["id"],
        postgresql_where=sa.text("reason = 'channel_down' AND state IN ('planned', 'published')"),
    )


def downgrade() -> None:
    op.drop_index("ix_steps_waiting_for_channel", "steps")
    op.drop_table("channel_outages")
