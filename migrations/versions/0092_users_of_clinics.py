"""An e-mail address has one account in each clinic, instead of one in the whole installation."""

import sqlalchemy as sa
from alembic import op

revision = "0092"
down_revision = "0091"
branch_labels = None
depends_on = None

ADDRESS = sa.text("lower(email)")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name in ("uq_users_clinic_email", "ix_users_email"):
            _drop(name)  # an interrupted build leaves an invalid index
        columns = ["clinic_id", ADDRESS]
        op.create_index("uq_users_clinic_email", "users", columns, unique=True, postgresql_concurrently=True)
        op.create_index("ix_users_email", "users", [ADDRESS], postgresql_concurrently=True)
        _drop("uq_users_email")


def downgrade() -> None:
    """Fails if an address has accounts in several clinics: change or delete one of them first."""
    with op.get_context().autocommit_block():
        _drop("uq_users_email")
        op.create_index("uq_users_email", "users", [ADDRESS], unique=True, postgresql_concurrently=True)
        for name in ("uq_users_clinic_email", "ix_users_email"):
            _drop(name)


def _drop(name: str) -> None:
    op.drop_index(name, "users", postgresql_concurrently=True, if_exists=True)
