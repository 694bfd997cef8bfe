"""What an enrollment is about: a lead may be in a sequence once for each invoice, and tasks keep the invoice."""

import sqlalchemy as sa
from alembic import op

revision = "0083"
down_revision = "0082"
branch_labels = None
depends_on = None

IS_LIVE = sa.text("state IN ('active', 'paused')")


def upgrade() -> None:
    op.add_column("enrollments", sa.Column("key", sa.Text(), server_default="", nullable=False))
    op.add_column("lead_tasks", sa.Column("key", sa.Text()))
    _replace("uq_enrollments_live", "uq_enrollments_live_key", ["lead_id", "sequence_id", "key"])


def downgrade() -> None:
    op.execute(
        "UPDATE enrollments AS e SET state = 'exited', reason = 'stopped', ended_at = now(), changed_at = now()"
        " WHERE state IN ('active', 'paused') AND EXISTS (SELECT FROM enrollments AS o WHERE o.lead_id = e.lead_id"
        " AND o.sequence_id = e.sequence_id AND o.state IN ('active', 'paused') AND o.id < e.id)"
    )
    _replace("uq_enrollments_live_key", "uq_enrollments_live", ["lead_id", "sequence_id"])
    op.drop_column("lead_tasks", "key")
    op.drop_column("enrollments", "key")


def _replace(old: str, new: str, columns: list[str]) -> None:
    with op.get_context().autocommit_block():
        _drop(new)  # an interrupted build leaves an invalid index
        op.create_index(
            new, "enrollments", columns, unique=True, postgresql_where=IS_LIVE, postgresql_concurrently=True
        )
        _drop(old)


def _drop(name: str) -> None:
    op.drop_index(name, "enrollments", postgresql_concurrently=True, if_exists=True)
