"""Analytics: stages that a lead left, its first contact, the cost history of sources, and their indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
LIVE = "deleted_at IS NULL"
STAGE_CHANGE = "type = 'STAGE_CHANGE'"
INCLUDED = [
    *("created_at", "status", "pipeline_stage", "stage_entered_at", "past_stages", "source_id", "assigned_to_id"),
    *("capture_channel", "first_contact_at", "converted_at", "lost_at", "lost_reason", "lead_value"),
]

FILL_PAST_STAGES = """
UPDATE leads AS l SET past_stages = c.stages FROM (
    SELECT lead_id, array_agg(previous_stage ORDER BY first_left) AS stages FROM (
        SELECT lead_id, previous_stage, min(occurred_at) AS first_left FROM lead_activities
        WHERE type = 'STAGE_CHANGE' AND previous_stage IS NOT NULL GROUP BY lead_id, previous_stage
    ) AS one GROUP BY lead_id
) AS c WHERE c.lead_id = l.id
"""
FILL_FIRST_CONTACT = """
UPDATE leads AS l SET first_contact_at = c.at FROM (
    SELECT lead_id, min(occurred_at) AS at FROM lead_activities
    WHERE outcome IN ('successful', 'spoke', 'callback_requested', 'rescheduled', 'not_interested', 'converted')
       OR (type IN ('IN_PERSON', 'CONSULTATION_COMPLETED') AND outcome IS NULL)
       OR (outcome IN ('voicemail', 'no_answer', 'wrong_number') AND direction IS DISTINCT FROM 'INBOUND')
       OR (type IN ('EMAIL', 'SMS') AND direction = 'OUTBOUND' AND outcome IS NULL)
    GROUP BY lead_id
) AS c WHERE c.lead_id = l.id
"""
# No earlier cost is known: the present one counts from the month in which the source was created.
FILL_COSTS = """
INSERT INTO lead_source_costs (clinic_id, id, source_id, valid_from, monthly_cost, written_at)
SELECT s.clinic_id, gen_random_uuid(), s.id, date_trunc('month', s.created_at AT TIME ZONE c.timezone)::date, s.monthly_cost,
    now()
FROM lead_sources s JOIN clinics c ON c.id = s.clinic_id WHERE s.monthly_cost IS NOT NULL
"""


def upgrade() -> None:
    op.add_column("leads", sa.Column("past_stages", sa.ARRAY(sa.Text()), server_default="{}", nullable=False))
    op.add_column("leads", sa.Column("first_contact_at", TIME, nullable=True))
    op.execute(FILL_PAST_STAGES)
    op.execute(FILL_FIRST_CONTACT)
    _index_leads()
    _index_stage_changes()
    _keep_costs()


def _index_leads() -> None:
    live = sa.text(LIVE)
    op.create_index(
        "ix_leads_analytics", "leads", ["clinic_id", "id"], postgresql_where=live, postgresql_include=INCLUDED
    )
    for name in ("converted", "lost"):
        where = sa.text(f"{name}_at IS NOT NULL AND {LIVE}")
        op.create_index(f"ix_leads_{name}", "leads", ["clinic_id", f"{name}_at", "id"], postgresql_where=where)


def _index_stage_changes() -> None:
    table, where = "lead_activities", sa.text(STAGE_CHANGE)
    columns, included = ["lead_id", "occurred_at", "id"], ["previous_stage", "new_stage"]
    name = "ix_lead_activities_stage_changes"
    op.create_index(name, table, columns, postgresql_where=where, postgresql_include=included)
    name, columns = "ix_lead_activities_stage_entries", ["clinic_id", "new_stage", "occurred_at"]
    op.create_index(name, table, columns, postgresql_where=where, postgresql_include=["lead_id"])


def _keep_costs() -> None:
    table = "lead_source_costs"
    op.create_table(
        table,
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("monthly_cost", sa.Numeric(12, 2), nullable=True),
        sa.Column("written_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_lead_source_costs_clinic_id")),
        sa.ForeignKeyConstraint(["source_id"], ["lead_sources.id"], name=op.f("fk_lead_source_costs_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_source_costs")),
        sa.UniqueConstraint(
            "clinic_id", "source_id", "valid_from", name=op.f("uq_lead_source_costs_clinic_id_source_id_valid_from")
        ),
    )
    op.execute(FILL_COSTS)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON {table} TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {table} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table("lead_source_costs")
    op.drop_index("ix_lead_activities_stage_entries", "lead_activities")
    op.drop_index("ix_lead_activities_stage_changes", "lead_activities")
    for name in ("ix_leads_lost", "ix_leads_converted", "ix_leads_analytics"):
        op.drop_index(name, "leads")
    op.drop_column("leads", "first_contact_at")
    op.drop_column("leads", "past_stages")
