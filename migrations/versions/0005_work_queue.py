"""Work queue: tags and outcomes of tasks, task templates of stages.

Existing outcomes are free text and become `completion_notes`; `outcome` is an enum from now on. There is no check
constraint yet, because processes of the previous version may still write.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WAITING = sa.text("status IN ('PENDING', 'IN_PROGRESS')")
OVERDUE = sa.text("status = 'OVERDUE'")
WORDS = "to_tsvector('simple'::regconfig, (title || ' '::text) || COALESCE(description, ''::text))"
ADDED = ("completion_notes", "activity_id", "tags", "pinned", "own_words", "deleted_at")


def upgrade() -> None:
    for column in (
        sa.Column("completion_notes", sa.Text(), nullable=True),
        sa.Column("activity_id", sa.Uuid(), nullable=True),
        sa.Column("tags", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("pinned", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("own_words", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("lead_tasks", column)
    op.execute("UPDATE lead_tasks SET completion_notes = outcome, outcome = NULL WHERE outcome IS NOT NULL")
    op.drop_index("ix_lead_tasks_overdue", table_name="lead_tasks", postgresql_where=OVERDUE)
    op.drop_index("ix_lead_tasks_falling_due", table_name="lead_tasks", postgresql_where=WAITING)
    _index("falling_due", "clinic_id", "due_at", "id", "type", "priority", where=WAITING)
    by_status = sa.text("status IN ('IN_PROGRESS', 'OVERDUE', 'COMPLETED', 'CANCELLED')")
    _index("by_status", "clinic_id", "status", "due_at", "id", "type", "priority", where=by_status)
    _index("made", "clinic_id", "id", "type", "priority")
    _index("made_by", "created_by", "due_at", "id", where=sa.text("created_by IS NOT NULL"))
    _index("pinned", "clinic_id", "due_at", "id", where=sa.text("pinned"))
    op.create_index(
        "ix_lead_tasks_tags", "lead_tasks", ["tags"], postgresql_using="gin", postgresql_where=sa.text("tags <> '{}'")
    )
    op.create_index(
        "ix_lead_tasks_words",
        "lead_tasks",
        [sa.text(WORDS)],
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 256},
        postgresql_where=sa.text("own_words"),
    )
    op.create_index("ix_lead_activities_clinic", "lead_activities", ["clinic_id", "id"], unique=False)
    op.create_index(
        "ix_leads_patient",
        "leads",
        ["clinic_id", "converted_to_patient_id"],
        unique=False,
        postgresql_where=sa.text("converted_to_patient_id IS NOT NULL"),
    )
    _create_templates()
    _create_views()


def _create_templates() -> None:
    op.create_table(
        "task_templates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("due_in", sa.Text(), nullable=False),
        sa.Column("business_time", sa.Boolean(), nullable=False),
        sa.Column("tags", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_task_templates_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_templates")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_task_templates_clinic_id_name")),
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON task_templates TO relance_app")


def _create_views() -> None:
    op.create_table(
        "task_views",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("filters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_task_views_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_views")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_task_views_user_id_name")),
    )
    op.create_index(
        "ix_task_views_shared", "task_views", ["clinic_id"], unique=False, postgresql_where=sa.text("shared")
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON task_views TO relance_app")


def downgrade() -> None:
    op.drop_table("task_views")
    op.drop_table("task_templates")
    op.drop_index("ix_leads_patient", table_name="leads")
    op.drop_index("ix_lead_activities_clinic", table_name="lead_activities")
    for name in ("words", "tags", "pinned", "made_by", "made", "by_status", "falling_due"):
        op.drop_index(f"ix_lead_tasks_{name}", table_name="lead_tasks")
    op.create_index("ix_lead_tasks_falling_due", "lead_tasks", ["due_at"], unique=False, postgresql_where=WAITING)
    _index("overdue", "clinic_id", "due_at", "id", where=OVERDUE)
    op.execute("UPDATE lead_tasks SET outcome = completion_notes WHERE completion_notes IS NOT NULL")
    for column in reversed(ADDED):
        op.drop_column("lead_tasks", column)


def _index(name: str, *columns: str, where: sa.TextClause | None = None) -> None:
    op.create_index(f"ix_lead_tasks_{name}", "lead_tasks", list(columns), unique=False, postgresql_where=where)
