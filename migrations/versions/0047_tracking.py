"""Opens and clicks of e-mails: settings of clinics, tracked messages with their links, and the hits on them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
COUNTS = ("person_opens", "machine_opens", "unsure_opens", "person_clicks", "machine_clicks", "unsure_clicks")
TABLES = ("tracked_messages", "tracked_links", "tracking_hits")


def upgrade() -> None:
    op.add_column("clinics", sa.Column("message_tracking", JSONB(), nullable=False, server_default="{}"))
    op.add_column("clinics", sa.Column("message_tracking_version", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "tracked_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("opens", sa.Boolean(), nullable=False),
        sa.Column("clicks", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False, server_default="0") for name in COUNTS),
        sa.ForeignKeyConstraint(["id"], ["notifications.id"], name=op.f("fk_tracked_messages_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tracked_messages")),
    )
    op.create_table(
        "tracked_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notifications.id"],
            name=op.f("fk_tracked_links_notification_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tracked_links")),
    )
    op.create_index("ix_tracked_links_notification_id", "tracked_links", ["notification_id"])
    op.create_table(
        "tracking_hits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("signals", ARRAY(sa.Text()), nullable=False),
        sa.Column("network", sa.LargeBinary(), nullable=True),
        sa.Column("occurred_at", TIME, nullable=False),
        sa.Column("settle_at", TIME, nullable=True),
        sa.CheckConstraint("kind IN ('open', 'click')", name=op.f("ck_tracking_hits_kind")),
        sa.CheckConstraint("verdict IN ('person', 'machine', 'unsure')", name=op.f("ck_tracking_hits_verdict")),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notifications.id"],
            name=op.f("fk_tracking_hits_notification_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tracking_hits")),
    )
    op.create_index("ix_tracking_hits_notification", "tracking_hits", ["notification_id", "occurred_at"])
    op.create_index(
        "ix_tracking_hits_pending",
        "tracking_hits",
        ["settle_at", "id"],
        postgresql_where=sa.text("settle_at IS NOT NULL"),
    )
    op.create_index(
        "ix_tracking_hits_network", "tracking_hits", ["occurred_at"], postgresql_where=sa.text("network IS NOT NULL")
    )
    for table in TABLES:
        _keep_apart(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_column("clinics", "message_tracking_version")
    op.drop_column("clinics", "message_tracking")


def _keep_apart(table: str) -> None:
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON {table} TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {table} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
