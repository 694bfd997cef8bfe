"""Rollups of tasks: those due on past days, counted for reports, and triggers that note changes of these tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None

DAYS, CHANGES = "task_rollup_days", "task_rollup_changes"
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
TIME = sa.DateTime(timezone=True)
NUMBERS = sa.ARRAY(sa.Integer())
# Tasks that are due later are in no rollup (see SETTLED of the sweep): the steps of today write no change.
IS_OLD = "< now() - interval '12 hours'"
COLUMNS = ("clinic_id", "lead_id", "assigned_to_id", "due_at", "completed_at", "deleted_at")
STATUSES = ("COMPLETED", "CANCELLED")  # reports ask only whether the status is one of these
TASK_FUNCTION = """
CREATE FUNCTION note_task_rollup_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO task_rollup_changes (clinic_id, due_at) VALUES (NEW.clinic_id, NEW.due_at);
    END IF;
    IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND OLD.due_at <> NEW.due_at THEN
        INSERT INTO task_rollup_changes (clinic_id, due_at) VALUES (OLD.clinic_id, OLD.due_at);
    END IF;
    RETURN NULL;
END $$
"""
LEAD_FUNCTION = f"""
CREATE FUNCTION note_tasks_of_lead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO task_rollup_changes (clinic_id, due_at)
    SELECT clinic_id, due_at FROM lead_tasks WHERE lead_id = NEW.id AND due_at {IS_OLD};
    RETURN NULL;
END $$
"""  # noqa: S608  (a constant)


def upgrade() -> None:
    _create_tables()
    op.create_index("ix_task_rollup_changes_clinic", CHANGES, ["clinic_id", "due_at"])
    for table in (DAYS, CHANGES):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}, {CLINIC}")
        op.execute(f"CREATE POLICY everything ON {table} TO {APP} USING (true)")
        op.execute(f"CREATE POLICY own_clinic ON {table} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    _create_triggers()


def downgrade() -> None:
    op.execute("DROP TRIGGER note_tasks_of_lead ON leads")
    for name in ("note_added_task", "note_changed_task", "note_removed_task"):
        op.execute(f"DROP TRIGGER {name} ON lead_tasks")
    op.execute("DROP FUNCTION note_tasks_of_lead")
    op.execute("DROP FUNCTION note_task_rollup_change")
    for table in (CHANGES, DAYS):
        op.drop_table(table)


def _create_tables() -> None:
    op.create_table(
        DAYS,
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("rolled_up_at", TIME, nullable=False),
        sa.Column("assignees", sa.ARRAY(sa.Uuid()), nullable=False),
        *(sa.Column(name, NUMBERS, nullable=False) for name in ("tasks", "completed", "on_time")),
        _owner(DAYS),
        sa.PrimaryKeyConstraint("clinic_id", "starts_at", name=op.f(f"pk_{DAYS}")),
    )
    op.create_table(
        CHANGES,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        _owner(CHANGES),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{CHANGES}")),
    )


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["clinic_id"], ["clinics.id"], name=op.f(f"fk_{table}_clinic_id"), ondelete="CASCADE"
    )


def _create_triggers() -> None:
    op.execute(TASK_FUNCTION)
    op.execute(LEAD_FUNCTION)
    old, new = (
        ", ".join([*(f"{row}.{name}" for name in COLUMNS), *(f"({row}.status = '{one}')" for one in STATUSES)])
        for row in ("OLD", "NEW")
    )
    is_changed = f"least(OLD.due_at, NEW.due_at) {IS_OLD} AND ROW({old}) IS DISTINCT FROM ROW({new})"
    for name, event, condition in (
        ("note_added_task", "INSERT", f"NEW.due_at {IS_OLD}"),
        ("note_changed_task", f"UPDATE OF status, {', '.join(COLUMNS)}", is_changed),
        ("note_removed_task", "DELETE", f"OLD.due_at {IS_OLD}"),
    ):
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON lead_tasks FOR EACH ROW WHEN ({condition})"
            " EXECUTE FUNCTION note_task_rollup_change()"
        )
    op.execute(
        "CREATE TRIGGER note_tasks_of_lead AFTER UPDATE OF deleted_at ON leads FOR EACH ROW"
        " WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)) EXECUTE FUNCTION note_tasks_of_lead()"
    )
