"""The reason why the circuit breaker paused a sequence."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sequences", sa.Column("paused_because", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("sequences", "paused_because")
