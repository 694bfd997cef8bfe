"""Text messages that arrive, reports about sent ones, and approved templates of messages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"


def upgrade() -> None:
    op.add_column("notifications", sa.Column("provider_template", JSONB(), nullable=True))
    op.create_table(
        "inbound_texts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=True),
        sa.Column("activity_id", sa.Uuid(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ignored_at", TIME, nullable=True),
        sa.Column("handled_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_inbound_texts_lead_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_texts")),
        sa.UniqueConstraint("account_id", "provider_id", name=op.f("uq_inbound_texts_account_id_provider_id")),
    )
    newest = ["received_at", "id"]
    op.create_index("ix_inbound_texts_clinic", "inbound_texts", ["clinic_id", *newest])
    op.create_index(
        "ix_inbound_texts_lead",
        "inbound_texts",
        ["lead_id", "channel", *newest],
        postgresql_where=sa.text("lead_id IS NOT NULL"),
    )
    op.create_index(
        "ix_inbound_texts_unmatched",
        "inbound_texts",
        ["clinic_id", *newest],
        postgresql_where=sa.text("lead_id IS NULL AND ignored_at IS NULL"),
    )
    op.create_table(
        "text_receipts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "report_id", name=op.f("pk_text_receipts")),
    )
    op.create_index("ix_text_receipts_received_at", "text_receipts", ["received_at"])
    for table in ("inbound_texts", "text_receipts"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}, {CLINIC}")
        op.execute(f"CREATE POLICY everything ON {table} TO {APP} USING (true)")
        op.execute(f"CREATE POLICY own_clinic ON {table} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table("text_receipts")
    op.drop_table("inbound_texts")
    op.drop_column("notifications", "provider_template")
