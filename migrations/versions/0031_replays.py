"""What a kept answer shows, and what its caller was allowed when it was given: for when it is asked for again.

Of the answers of the day before nobody knows it any more: they are withheld.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("kept_answers", sa.Column("shown", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("kept_answers", sa.Column("allowed", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("kept_answers", "allowed")
    op.drop_column("kept_answers", "shown")
