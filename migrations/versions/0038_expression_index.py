"""Tasks by priority without a generated column, and waiting messages by clinic."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

OPEN = "status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')"
RANK = "array_position('{URGENT,HIGH,NORMAL,LOW}'::text[], priority)"
WAITING = "ix_steps_waiting_for_channel"
IS_WAITING = sa.text("reason = 'channel_down' AND state IN ('planned', 'published')")


def upgrade() -> None:
    # The column exists where an earlier text of 0034 ran. Its index goes with it.
    op.execute("ALTER TABLE lead_tasks DROP COLUMN IF EXISTS priority_rank")
    op.execute(
        f"CREATE INDEX IF NOT EXISTS ix_lead_tasks_urgent ON lead_tasks (clinic_id, {RANK}, due_at, id) WHERE {OPEN}"
    )
    op.drop_index(WAITING, "steps")
    op.create_index(WAITING, "steps", ["clinic_id", "id"], postgresql_where=IS_WAITING)


def downgrade() -> None:
    op.drop_index(WAITING, "steps")
    op.create_index(WAITING, "steps", ["id"], postgresql_where=IS_WAITING)
