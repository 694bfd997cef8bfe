"""Webhooks of mail providers: whose results of SPF, DKIM and DMARC count, and what happens to a forged answer."""

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inbound_hooks", sa.Column("authentication_server", sa.Text(), nullable=True))
    op.add_column(
        "inbound_hooks", sa.Column("on_failed_authentication", sa.Text(), nullable=False, server_default="accept")
    )
    op.create_check_constraint(
        op.f("ck_inbound_hooks_on_failed_authentication"),
        "inbound_hooks",
        "on_failed_authentication IN ('accept', 'review')",
    )


def downgrade() -> None:
    op.drop_column("inbound_hooks", "on_failed_authentication")
    op.drop_column("inbound_hooks", "authentication_server")
