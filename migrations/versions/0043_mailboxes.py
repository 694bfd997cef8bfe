"""Mailboxes that are read by IMAP."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"


def upgrade() -> None:
    op.create_table(
        "mailboxes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("security", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("mark_seen", sa.Boolean(), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=True),
        sa.Column("last_uid", sa.BigInteger(), nullable=True),
        sa.Column("attempted_uid", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("supports_idle", sa.Boolean(), nullable=True),
        sa.Column("last_seen_at", TIME, nullable=True),
        sa.Column("failing_since", TIME, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("notified_at", TIME, nullable=True),
        sa.Column("holder", sa.Uuid(), nullable=True),
        sa.Column("held_until", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("security IN ('none', 'starttls', 'tls')", name=op.f("ck_mailboxes_security")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_mailboxes_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailboxes")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_mailboxes_clinic_id_name")),
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON mailboxes TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON mailboxes TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON mailboxes TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute("ALTER TABLE mailboxes ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table("mailboxes")
