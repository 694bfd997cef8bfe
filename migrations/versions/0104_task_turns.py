"""Turns of users for tasks by rotation: who got the last one of each clinic."""

import sqlalchemy as sa
from alembic import op

revision = "0104"
down_revision = "0103"
branch_labels = None
depends_on = None

TABLE = "task_turns"
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("clinic_id", name=op.f(f"pk_{TABLE}")),
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON {TABLE} TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {TABLE} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table(TABLE)
