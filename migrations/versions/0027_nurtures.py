"""Nurtures and their runs, with indexes for the selection of leads and for reports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
TABLES = ("nurtures", "nurture_runs")
SCORED = (
    "score IS NOT NULL AND opted_out_at IS NULL AND restricted_at IS NULL"
    " AND status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL"
)


def upgrade() -> None:
    _make_nurtures()
    _make_runs()
    for table in TABLES:
        _keep_apart(table)
    op.create_index("ix_leads_scored", "leads", ["clinic_id", "score", "id"], postgresql_where=sa.text(SCORED))
    written = sa.text("notification_id IS NOT NULL")
    op.create_index("ix_enrollment_steps_written", "enrollment_steps", ["sequence_id", "at"], postgresql_where=written)


def downgrade() -> None:
    op.drop_index("ix_enrollment_steps_written", "enrollment_steps")
    op.drop_index("ix_leads_scored", "leads")
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_nurtures() -> None:
    op.create_table(
        "nurtures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("playbook", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("run_hours", ARRAY(sa.Text()), nullable=False),
        sa.Column("days", ARRAY(sa.Text()), nullable=True),
        sa.Column("score_from", sa.SmallInteger(), nullable=False),
        sa.Column("score_to", sa.SmallInteger(), nullable=False),
        sa.Column("silent_for", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("batch", sa.SmallInteger(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.Column("next_run_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_nurtures"),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name="fk_nurtures_clinic_id"),
        sa.UniqueConstraint("clinic_id", "name", name="uq_nurtures_clinic_id_name"),
    )
    switched_on = sa.text("next_run_at IS NOT NULL")
    op.create_index("ix_nurtures_next_run_at", "nurtures", ["next_run_at"], postgresql_where=switched_on)


def _make_runs() -> None:
    op.create_table(
        "nurture_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("nurture_id", sa.Uuid(), nullable=False),
        sa.Column("scheduled_for", TIME, nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("worked_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("reached_score", sa.SmallInteger(), nullable=True),
        sa.Column("reached_id", sa.Uuid(), nullable=True),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("refused", JSONB(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'stopped', 'missed')", name=op.f("ck_nurture_runs_state")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_nurture_runs"),
        sa.ForeignKeyConstraint(["nurture_id"], ["nurtures.id"], ondelete="CASCADE", name="fk_nurture_runs_nurture_id"),
        sa.UniqueConstraint("nurture_id", "scheduled_for", name="uq_nurture_runs_nurture_id_scheduled_for"),
    )
    still_open = sa.text("finished_at IS NULL")
    in_turn = [sa.text("worked_at NULLS FIRST"), "id"]
    op.create_index("ix_nurture_runs_open", "nurture_runs", in_turn, postgresql_where=still_open)


def _keep_apart(table: str) -> None:
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO relance_app, relance_clinic")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY everything ON {table} TO relance_app USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {table} TO relance_clinic USING ({OURS}) WITH CHECK ({OURS})")
