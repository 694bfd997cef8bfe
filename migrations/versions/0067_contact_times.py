"""Times to first contact in rollups. The sweep counts all days again, because they have no hash of opening hours."""

import sqlalchemy as sa
from alembic import op

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None
SPANS, COUNTS = "lead_rollup_spans", "lead_rollup_counts"
TIMES = ("elapsed_seconds", "business_seconds")


def upgrade() -> None:
    op.add_column(SPANS, sa.Column("opening_hash", sa.Text(), nullable=False, server_default=""))
    for name in TIMES:
        op.add_column(COUNTS, sa.Column(name, sa.LargeBinary(), nullable=True))
        op.execute(f"ALTER TABLE {COUNTS} ALTER COLUMN {name} SET STORAGE EXTERNAL")  # these bytes do not compress


def downgrade() -> None:
    for name in TIMES:
        op.drop_column(COUNTS, name)
    op.drop_column(SPANS, "opening_hash")
