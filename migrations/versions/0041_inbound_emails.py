"""Mail that arrives: one row for each mail, and its raw text apart."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
KINDS = (
    "reply",
    "auto_reply",
    "bounce_hard",
    "bounce_soft",
    "bounce_delayed",
    "complaint",
    "unmatched",
    "unreadable",
    "own",
)


def upgrade() -> None:
    kinds = ", ".join(f"'{kind}'" for kind in KINDS)
    op.create_table(
        "inbound_emails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("notification_id", sa.Uuid(), nullable=True),
        sa.Column("activity_id", sa.Uuid(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("classification", sa.Text(), nullable=False),
        sa.Column("matched_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("thread_ids", sa.Text(), nullable=True),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ignored_at", TIME, nullable=True),
        sa.Column("handled_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(f"classification IN ({kinds})", name=op.f("ck_inbound_emails_classification")),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_inbound_emails_lead_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_emails")),
        sa.UniqueConstraint("clinic_id", "message_id", name=op.f("uq_inbound_emails_clinic_id_message_id")),
    )
    newest = ["received_at", "id"]
    op.create_index("ix_inbound_emails_clinic", "inbound_emails", ["clinic_id", *newest])
    op.create_index(
        "ix_inbound_emails_lead",
        "inbound_emails",
        ["lead_id", *newest],
        postgresql_where=sa.text("lead_id IS NOT NULL"),
    )
    op.create_index(
        "ix_inbound_emails_unmatched",
        "inbound_emails",
        ["clinic_id", *newest],
        postgresql_where=sa.text("classification = 'unmatched' AND ignored_at IS NULL"),
    )
    op.create_table(
        "inbound_raw_emails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["id"], ["inbound_emails.id"], name=op.f("fk_inbound_raw_emails_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_raw_emails")),
    )
    op.create_index("ix_inbound_raw_emails_received_at", "inbound_raw_emails", ["received_at"])
    for table in ("inbound_emails", "inbound_raw_emails"):
        _keep_apart(table)


def downgrade() -> None:
    op.drop_table("inbound_raw_emails")
    op.drop_table("inbound_emails")


def _keep_apart(table: str) -> None:
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON {table} TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {table} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
