"""Total counts of each rule and sequence."""

import sqlalchemy as sa
from alembic import op

revision = "0096"
down_revision = "0095"
branch_labels = None
depends_on = None

TABLE = "series_totals"
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("done", "sent", "failed")),
        sa.PrimaryKeyConstraint("clinic_id", "series", name=op.f(f"pk_{TABLE}")),
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON {TABLE} TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {TABLE} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table(TABLE)
