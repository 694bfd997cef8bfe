"""Scores of leads: weights of clinics, learned models, scores with their history, and answers to next actions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
TABLES = ("score_tables", "score_models", "lead_scores", "lead_score_changes", "next_action_answers")


def upgrade() -> None:
    _settings()
    _scores()
    _answers()
    where = sa.text("score IS NOT NULL AND deleted_at IS NULL")
    op.create_index("ix_leads_score", "leads", ["clinic_id", "score", "id"], postgresql_where=where)
    for table in TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}, {CLINIC}")
        op.execute(f"CREATE POLICY everything ON {table} TO {APP} USING (true)")
        op.execute(f"CREATE POLICY own_clinic ON {table} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_index("ix_leads_score", "leads")
    for table in reversed(TABLES):
        op.drop_table(table)


def _settings() -> None:
    op.create_table(
        "score_tables",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("is_kept", sa.Boolean(), nullable=False),
        sa.Column("kept_since", TIME, nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("base", sa.SmallInteger(), nullable=False),
        sa.Column("weights", JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("model IN ('rules', 'learned')", name=op.f("ck_score_tables_model")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_score_tables_clinic_id")),
        sa.PrimaryKeyConstraint("clinic_id", name=op.f("pk_score_tables")),
    )
    op.create_table(
        "score_models",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("trained_at", TIME, nullable=False),
        sa.Column("closed_leads", sa.Integer(), nullable=False),
        sa.Column("conversions", sa.Integer(), nullable=False),
        sa.Column("tested_leads", sa.Integer(), nullable=False),
        sa.Column("auc", sa.Double(), nullable=True),
        sa.Column("calibration_error", sa.Double(), nullable=True),
        sa.Column("weights", JSONB(), nullable=True),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_score_models_clinic_id")),
        sa.PrimaryKeyConstraint("clinic_id", name=op.f("pk_score_models")),
    )


def _scores() -> None:
    op.create_table(
        "lead_scores",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("adjustment", sa.SmallInteger(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_lead_scores_lead_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_lead_scores")),
    )
    op.create_table(
        "lead_score_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", TIME, nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("previous_score", sa.SmallInteger(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("parts", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["leads.id"], name=op.f("fk_lead_score_changes_lead_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_score_changes")),
    )
    op.create_index("ix_lead_score_changes_lead", "lead_score_changes", ["lead_id", "id"])


def _answers() -> None:
    op.create_table(
        "next_action_answers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("facts_key", sa.Text(), nullable=False),
        sa.Column("is_accepted", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("answered_at", TIME, nullable=False),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["leads.id"], name=op.f("fk_next_action_answers_lead_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_next_action_answers")),
    )
    op.create_index("ix_next_action_answers_lead", "next_action_answers", ["lead_id", "id"])
    op.create_index("ix_next_action_answers_clinic", "next_action_answers", ["clinic_id", "answered_at", "id"])
