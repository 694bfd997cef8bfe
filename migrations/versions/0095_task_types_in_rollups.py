"""Counts of tasks by type in the rollups of tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0095"
down_revision = "0094"
branch_labels = None
depends_on = None

DAYS, NAME = "task_rollup_days", "ix_task_rollup_days_without_types"
NUMBERS = ("tasks_of_types", "completed_of_types", "on_time_of_types")
# A change of the type alone; `note_changed_task` has the other columns.
TRIGGER = """
CREATE TRIGGER note_retyped_task AFTER UPDATE OF type ON lead_tasks FOR EACH ROW
WHEN (OLD.due_at < now() - interval '12 hours' AND OLD.type <> NEW.type) EXECUTE FUNCTION note_task_rollup_change()
"""


def upgrade() -> None:
    op.execute(TRIGGER)
    op.add_column(DAYS, sa.Column("types_rolled_up_at", sa.DateTime(timezone=True)))
    op.add_column(DAYS, sa.Column("types", sa.ARRAY(sa.Text())))
    for name in NUMBERS:
        op.add_column(DAYS, sa.Column(name, sa.ARRAY(sa.Integer())))
    with op.get_context().autocommit_block():
        op.drop_index(NAME, DAYS, postgresql_concurrently=True, if_exists=True)  # of an interrupted build
        op.create_index(
            NAME,
            DAYS,
            ["clinic_id", "starts_at"],
            postgresql_where=sa.text("types_rolled_up_at IS DISTINCT FROM rolled_up_at"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.execute("DROP TRIGGER note_retyped_task ON lead_tasks")
    for name in ("types_rolled_up_at", "types", *NUMBERS):
        op.drop_column(DAYS, name)
