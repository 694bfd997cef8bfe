"""Search keys of the notes of leads.

The sweep adds them to the keys of existing leads, newest first. Until it has, leads are found by their other fields.
"""

import sqlalchemy as sa
from alembic import op

revision = "0105"
down_revision = "0104"
branch_labels = None
depends_on = None

BEFORE, AFTER = "ix_lead_search_waiting", "ix_lead_search_to_index"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.add_column(
            "lead_search",
            sa.Column("has_notes", sa.Boolean(), server_default=sa.false(), nullable=False),
            if_not_exists=True,
        )
        _replace_index(BEFORE, AFTER, "keys IS NULL OR NOT has_notes")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _replace_index(AFTER, BEFORE, "keys IS NULL")
        op.drop_column("lead_search", "has_notes", if_exists=True)


def _replace_index(old: str, new: str, condition: str) -> None:
    """Create the new index first, because the sweep of running processes reads the old one."""
    op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {new}")
    op.create_index(new, "lead_search", ["id"], postgresql_where=sa.text(condition), postgresql_concurrently=True)
    op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {old}")
