"""Rules and their versions, events with the decision of each rule, lead scores."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
OURS = "nullif(current_setting('relance.clinic', true), '')::uuid"
NEW_TABLES = ("rule_versions", "events")

FIRST_VERSIONS = """
INSERT INTO rule_versions (id, clinic_id, rule_id, number, definition, created_at)
SELECT gen_random_uuid(), clinic_id, id, 1, definition, created_at FROM rules
"""


def upgrade() -> None:
    _make_rules()
    op.create_table(
        "rule_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("definition", JSONB(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_rule_versions"),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name="fk_rule_versions_clinic_id"),
        sa.ForeignKeyConstraint(["rule_id"], ["rules.id"], ondelete="CASCADE", name="fk_rule_versions_rule_id"),
        sa.UniqueConstraint("rule_id", "number", name="uq_rule_versions_rule_id_number"),
    )
    draft = {"unique": True, "postgresql_where": sa.text("number IS NULL")}
    op.create_index("uq_rule_versions_draft", "rule_versions", ["rule_id"], **draft)
    op.execute(FIRST_VERSIONS)
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("occurred_at", TIME, nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("chain", JSONB(), nullable=True),
        sa.Column("decisions", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], ondelete="CASCADE", name="fk_events_lead_id"),
    )
    op.create_index("ix_events_lead", "events", ["lead_id", "id"])
    op.create_index("ix_events_name", "events", ["clinic_id", "name", "id"])
    for table in NEW_TABLES:
        _keep_apart(table)
    op.add_column("leads", sa.Column("score", sa.SmallInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("leads", "score")
    for table in reversed(NEW_TABLES):
        op.drop_table(table)
    op.execute("DELETE FROM rules WHERE deleted_at IS NOT NULL OR definition IS NULL")
    op.drop_index("uq_rules_slug", "rules")
    for column in ("deleted_at", "updated_by", "updated_at", "paused_because", "published"):
        op.drop_column("rules", column)
    op.execute("UPDATE rules SET version = 1")
    op.create_unique_constraint("uq_rules_clinic_id_slug_version", "rules", ["clinic_id", "slug", "version"])
    op.alter_column("rules", "definition", nullable=False)


def _make_rules() -> None:
    op.add_column("rules", sa.Column("published", sa.Integer(), nullable=True))
    op.execute("UPDATE rules SET published = 1")
    op.add_column("rules", sa.Column("paused_because", sa.Text(), nullable=True))
    op.add_column("rules", sa.Column("updated_at", TIME, nullable=True))
    op.add_column("rules", sa.Column("updated_by", sa.Uuid(), nullable=True))
    op.add_column("rules", sa.Column("deleted_at", TIME, nullable=True))
    op.alter_column("rules", "definition", nullable=True)
    op.drop_constraint("uq_rules_clinic_id_slug_version", "rules")
    live = {"unique": True, "postgresql_where": sa.text("deleted_at IS NULL")}
    op.create_index("uq_rules_slug", "rules", ["clinic_id", "slug"], **live)


def _keep_apart(table: str) -> None:
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO relance_app, relance_clinic")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY everything ON {table} TO relance_app USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {table} TO relance_clinic USING (clinic_id = {OURS})")
