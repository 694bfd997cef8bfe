"""Mailboxes: sign-in with Microsoft 365, and the authentication of mail that arrives."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mailboxes", sa.Column("sign_in", sa.Text(), server_default="password", nullable=False))
    op.add_column("mailboxes", sa.Column("tenant", sa.Text(), nullable=True))
    op.add_column("mailboxes", sa.Column("client_id", sa.Text(), nullable=True))
    op.add_column("mailboxes", sa.Column("authentication_server", sa.Text(), nullable=True))
    op.add_column(
        "mailboxes", sa.Column("on_failed_authentication", sa.Text(), server_default="accept", nullable=False)
    )
    op.create_check_constraint(op.f("ck_mailboxes_sign_in"), "mailboxes", "sign_in IN ('password', 'microsoft')")
    op.create_check_constraint(
        op.f("ck_mailboxes_on_failed_authentication"), "mailboxes", "on_failed_authentication IN ('accept', 'review')"
    )
    op.add_column("inbound_emails", sa.Column("authentication", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.execute("DELETE FROM mailboxes WHERE sign_in <> 'password'")
    op.drop_column("inbound_emails", "authentication")
    op.drop_constraint(op.f("ck_mailboxes_on_failed_authentication"), "mailboxes")
    op.drop_constraint(op.f("ck_mailboxes_sign_in"), "mailboxes")
    for name in ("on_failed_authentication", "authentication_server", "client_id", "tenant", "sign_in"):
        op.drop_column("mailboxes", name)
