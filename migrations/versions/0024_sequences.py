"""Sequences and their versions, enrollments, and automatic replies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
TABLES = ("sequences", "sequence_versions", "enrollments", "enrollment_steps")
LIVE = "state IN ('active', 'paused')"


def upgrade() -> None:
    _make_texts()
    _make_enrollments()
    _make_enrollment_steps()
    for table in TABLES:
        _keep_apart(table)
    op.add_column(
        "lead_activities", sa.Column("is_auto_reply", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    op.drop_column("lead_activities", "is_auto_reply")
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_texts() -> None:
    op.create_table(
        "sequences",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("playbook", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("definition", JSONB(), nullable=True),
        sa.Column("published", sa.Integer(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("deleted_at", TIME, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sequences"),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name="fk_sequences_clinic_id"),
    )
    there = {"unique": True, "postgresql_where": sa.text("deleted_at IS NULL")}
    op.create_index("uq_sequences_slug", "sequences", ["clinic_id", "slug"], **there)
    op.create_table(
        "sequence_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("sequence_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("definition", JSONB(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sequence_versions"),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name="fk_sequence_versions_clinic_id"),
        sa.ForeignKeyConstraint(
            ["sequence_id"], ["sequences.id"], ondelete="CASCADE", name="fk_sequence_versions_sequence_id"
        ),
        sa.UniqueConstraint("sequence_id", "number", name="uq_sequence_versions_sequence_id_number"),
    )
    draft = {"unique": True, "postgresql_where": sa.text("number IS NULL")}
    op.create_index("uq_sequence_versions_draft", "sequence_versions", ["sequence_id"], **draft)


def _make_enrollments() -> None:
    op.create_table(
        "enrollments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("sequence_id", sa.Uuid(), nullable=False),
        sa.Column("sequence_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("waits_for_task_id", sa.Uuid(), nullable=True),
        sa.Column("seconds_left", sa.Double(), nullable=True),
        sa.Column("is_exclusive", sa.Boolean(), nullable=False),
        sa.Column("exit_on", ARRAY(sa.Text()), nullable=False),
        sa.Column("goal", ARRAY(sa.Text()), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("colleague_key", sa.Text(), nullable=True),
        sa.Column("cause", JSONB(), nullable=False),
        sa.Column("enrolled_at", TIME, nullable=False),
        sa.Column("enrolled_by", sa.Uuid(), nullable=True),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.CheckConstraint("state IN ('active', 'paused', 'completed', 'exited')", name=op.f("ck_enrollments_state")),
        sa.PrimaryKeyConstraint("id", name="pk_enrollments"),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], ondelete="CASCADE", name="fk_enrollments_lead_id"),
        sa.ForeignKeyConstraint(["sequence_id"], ["sequences.id"], name="fk_enrollments_sequence_id"),
    )
    once = {"unique": True, "postgresql_where": sa.text(LIVE)}
    op.create_index("uq_enrollments_live", "enrollments", ["lead_id", "sequence_id"], **once)
    alone = {"unique": True, "postgresql_where": sa.text(f"is_exclusive AND {LIVE}")}
    op.create_index("uq_enrollments_exclusive", "enrollments", ["lead_id"], **alone)
    op.create_index("ix_enrollments_lead", "enrollments", ["lead_id", "id"])
    op.create_index("ix_enrollments_sequence", "enrollments", ["sequence_id", "id"])
    op.create_index("ix_enrollments_state", "enrollments", ["sequence_id", "state", "id"])
    shared = sa.text(f"colleague_key IS NOT NULL AND {LIVE}")
    op.create_index("ix_enrollments_colleagues", "enrollments", ["clinic_id"], postgresql_where=shared)


def _make_enrollment_steps() -> None:
    op.create_table(
        "enrollment_steps",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("sequence_id", sa.Uuid(), nullable=False),
        sa.Column("sequence_version", sa.Integer(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=True),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("notification_id", sa.Uuid(), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_enrollment_steps"),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollments.id"], ondelete="CASCADE", name="fk_enrollment_steps_enrollment_id"
        ),
    )
    op.create_index("ix_enrollment_steps_enrollment", "enrollment_steps", ["enrollment_id", "id"])
    op.create_index("ix_enrollment_steps_sequence", "enrollment_steps", ["sequence_id", "sequence_version", "step"])


def _keep_apart(table: str) -> None:
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO relance_app, relance_clinic")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY everything ON {table} TO relance_app USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {table} TO relance_clinic USING ({OURS}) WITH CHECK ({OURS})")
