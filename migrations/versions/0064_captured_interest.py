"""Leads: the treatments that a lead asked for when it was captured, which learned scores may use.

Leads from before have none, because nothing says what was known then.
"""

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("leads", sa.Column("captured_interest", sa.ARRAY(sa.Text()), nullable=True))


def downgrade() -> None:
    op.drop_column("leads", "captured_interest")
