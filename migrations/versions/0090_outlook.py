"""Follow-ups that the preview of an import counts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0090"
down_revision = "0089"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("outlook", JSONB()))


def downgrade() -> None:
    op.drop_column("jobs", "outlook")
