"""Version of the clinic's profile, the closed guide of a user, and the client of a sign-in."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clinics", sa.Column("profile_version", sa.Integer(), server_default="1", nullable=False))
    op.add_column(
        "notice_preferences", sa.Column("is_guide_closed", sa.Boolean(), server_default="false", nullable=False)
    )
    op.add_column("sign_ins", sa.Column("sealed", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("sign_ins", "sealed")
    op.drop_column("notice_preferences", "is_guide_closed")
    op.drop_column("clinics", "profile_version")
