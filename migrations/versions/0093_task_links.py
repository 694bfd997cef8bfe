"""Tasks created from timeline entries, and the notes about a task."""

import sqlalchemy as sa
from alembic import op

revision = "0093"
down_revision = "0092"
branch_labels = None
depends_on = None

TASKS, NOTES = "ix_lead_tasks_related_activity", "ix_lead_activities_task_notes"


def upgrade() -> None:
    op.add_column("lead_tasks", sa.Column("related_activity_id", sa.Uuid()))
    with op.get_context().autocommit_block():
        _build(TASKS, "lead_tasks", ["related_activity_id", "id"], "related_activity_id IS NOT NULL")
        _build(NOTES, "lead_activities", ["task_id", "occurred_at", "id"], "type = 'NOTE' AND task_id IS NOT NULL")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(NOTES, "lead_activities", postgresql_concurrently=True, if_exists=True)
    op.drop_column("lead_tasks", "related_activity_id")


def _build(name: str, table: str, columns: list[str], condition: str) -> None:
    op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)  # of an interrupted build
    op.create_index(name, table, columns, postgresql_where=sa.text(condition), postgresql_concurrently=True)
