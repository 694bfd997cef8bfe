"""Inbound e-mail settings of clinics, webhooks of mail providers, and answers that users write."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"


def upgrade() -> None:
    op.add_column("clinics", sa.Column("inbound_email", JSONB(), nullable=False, server_default="{}"))
    op.add_column("clinics", sa.Column("inbound_email_version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("notifications", sa.Column("headers", JSONB(), nullable=True))
    op.add_column("notifications", sa.Column("written_by", sa.Uuid(), nullable=True))
    op.create_table(
        "inbound_hooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("last_called_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "provider IN ('ses', 'mailgun', 'postmark', 'sendgrid')", name=op.f("ck_inbound_hooks_provider")
        ),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_inbound_hooks_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_hooks")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_inbound_hooks_clinic_id_name")),
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON inbound_hooks TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON inbound_hooks TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON inbound_hooks TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute("ALTER TABLE inbound_hooks ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table("inbound_hooks")
    op.drop_column("notifications", "written_by")
    op.drop_column("notifications", "headers")
    op.drop_column("clinics", "inbound_email_version")
    op.drop_column("clinics", "inbound_email")
