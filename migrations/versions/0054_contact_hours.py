"""Contacts by hour of clinics and sources, for the best time to contact a lead."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

TABLE = "contact_hours"
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id"], ["clinics.id"], name=op.f("fk_contact_hours_clinic_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("clinic_id", "segment_id", name=op.f("pk_contact_hours")),
    )
    op.create_index("ix_contact_hours_learned_at", TABLE, ["learned_at"])
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON {TABLE} TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {TABLE} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table(TABLE)
