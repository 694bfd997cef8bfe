"""Notices to users: preferences, destinations, and the daily digest."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
TABLES = ("notice_preferences", "notice_destinations")


def upgrade() -> None:
    op.create_table(
        "notice_preferences",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("choices", postgresql.JSONB(), nullable=False),
        sa.Column("digest_at", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["users.id"], name=op.f("fk_notice_preferences_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_notice_preferences_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_preferences")),
    )
    op.create_table(
        "notice_destinations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("url_blind", sa.LargeBinary(), nullable=True),
        sa.Column("test_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("channel IN ('slack', 'teams', 'web_push')", name=op.f("ck_notice_destinations_channel")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_notice_destinations_clinic_id")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notice_destinations_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_destinations")),
    )
    op.create_index(
        "uq_notice_destinations_url", "notice_destinations", ["user_id", "channel", "url_blind"], unique=True
    )
    op.create_index("ix_notice_destinations_clinic", "notice_destinations", ["clinic_id", "channel", "url_blind"])
    for table in TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}, {CLINIC}")
        op.execute(f"CREATE POLICY everything ON {table} TO {APP} USING (true)")
        op.execute(f"CREATE POLICY own_clinic ON {table} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.add_column("notifications", sa.Column("destination_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_notifications_digest",
        "notifications",
        ["user_id", "created_at"],
        postgresql_where=sa.text("reason = 'waits_for_digest'"),
    )


def downgrade() -> None:
    op.drop_index("ix_notifications_digest", "notifications")
    op.drop_column("notifications", "destination_id")
    for table in reversed(TABLES):
        op.drop_table(table)
