"""Key verification: a known value encrypted with each key, so that a wrong key is detected at the start."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "key_checks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_key_checks")),
    )
    op.execute("GRANT SELECT, INSERT ON key_checks TO relance_app")


def downgrade() -> None:
    op.drop_table("key_checks")
