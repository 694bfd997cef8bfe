"""The parts of stored scores: every clinic has one score of a lead, with the points that persons and rules gave."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0101"
down_revision = "0100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lead_scores", sa.Column("parts", JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("lead_scores", "parts")
