"""How far a job has come: rows of an import that are retried do not replace what later rows of the file wrote."""

import sqlalchemy as sa
from alembic import op

revision = "0081"
down_revision = "0077"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("reached", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("jobs", "reached")
