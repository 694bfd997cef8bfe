"""Analytics: the time of a lead in each stage, and indexes with all columns that the reports read."""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

LEADS, TASKS = "ix_leads_analytics", "ix_lead_tasks_due"
INCLUDED = [
    *("created_at", "status", "pipeline_stage", "stage_entered_at", "past_stages", "source_id", "assigned_to_id"),
    *("capture_channel", "first_contact_at", "converted_at", "lost_at", "lost_reason", "lead_value"),
]
MORE = ["contacted_at", "replied_at", "first_touch_source_id", "last_touch_source_id", "past_stage_seconds"]
OF_TASK = ["lead_id", "assigned_to_id", "status", "completed_at"]

FILL_SECONDS = """
UPDATE leads AS l SET past_stage_seconds = s.seconds FROM (
    SELECT l.id, array_agg(coalesce(t.seconds, 0) ORDER BY p.place) AS seconds
    FROM leads l CROSS JOIN LATERAL unnest(l.past_stages) WITH ORDINALITY AS p(stage, place)
    LEFT JOIN (
        SELECT lead_id, previous_stage, sum(greatest(date_part('epoch', occurred_at - entered_at), 0)) AS seconds
        FROM (
            SELECT a.lead_id, a.previous_stage, a.occurred_at, coalesce(lag(a.occurred_at) OVER (
                PARTITION BY a.lead_id ORDER BY a.occurred_at, a.id), l.created_at) AS entered_at
            FROM lead_activities a JOIN leads l ON l.id = a.lead_id WHERE a.type = 'STAGE_CHANGE'
        ) AS change GROUP BY lead_id, previous_stage
    ) AS t ON t.lead_id = l.id AND t.previous_stage = p.stage
    GROUP BY l.id
) AS s WHERE s.id = l.id
"""


def upgrade() -> None:
    seconds = sa.Column("past_stage_seconds", sa.ARRAY(sa.Double()), server_default="{}", nullable=False)
    op.add_column("leads", seconds)
    op.execute(FILL_SECONDS)
    _index_leads([*INCLUDED, *MORE])
    where = sa.text("status <> 'CANCELLED' AND deleted_at IS NULL")
    op.create_index(TASKS, "lead_tasks", ["clinic_id", "due_at"], postgresql_where=where, postgresql_include=OF_TASK)


def _index_leads(included: list[str]) -> None:
    op.drop_index(LEADS, "leads")
    where = sa.text("deleted_at IS NULL")
    op.create_index(LEADS, "leads", ["clinic_id", "id"], postgresql_where=where, postgresql_include=included)


def downgrade() -> None:
    op.drop_index(TASKS, "lead_tasks")
    _index_leads(INCLUDED)
    op.drop_column("leads", "past_stage_seconds")
