"""Rotting dates, leads without a next action, and the value of leads by stage."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

OPEN = "status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL"
LIVE = "deleted_at IS NULL"
TIME = sa.DateTime(timezone=True)

DATE_OPEN_LEADS = """
UPDATE leads AS l SET rots_at = least(d.no_contact, d.in_stage),
    rotting_reason = CASE WHEN d.in_stage < d.no_contact THEN 'IN_STAGE_TOO_LONG' ELSE 'NO_CONTACT' END
FROM (
    SELECT l.id, greatest(l.created_at, l.contacted_at, l.replied_at) + make_interval(days => c.stale_after_days)
        AS no_contact, l.stage_entered_at + make_interval(days => s.max_days_in_stage) AS in_stage
    FROM leads AS l JOIN clinics AS c ON c.id = l.clinic_id
    LEFT JOIN pipeline_stages AS s ON s.clinic_id = l.clinic_id AND s.slug = l.pipeline_stage
    WHERE l.status IN ('NEW', 'ACTIVE') AND l.deleted_at IS NULL
) AS d WHERE d.id = l.id
"""


def upgrade() -> None:
    op.add_column("leads", sa.Column("rots_at", TIME, nullable=True))
    op.add_column("leads", sa.Column("rotting_reason", sa.Text(), nullable=True))
    op.add_column("leads", sa.Column("without_next_action_since", TIME, nullable=True))
    op.execute(DATE_OPEN_LEADS)
    op.create_index("ix_leads_rotting", "leads", ["clinic_id", "rots_at", "id"], postgresql_where=sa.text(OPEN))
    op.create_index(
        "ix_leads_without_next_action",
        "leads",
        ["clinic_id", "without_next_action_since", "id"],
        postgresql_where=sa.text(f"without_next_action_since IS NOT NULL AND {OPEN}"),
    )
    _index_stages(postgresql_include=["lead_value"])
    _index_tasks("lead_id", "due_at", "id", "status")


def downgrade() -> None:
    _index_tasks("lead_id", "due_at")
    _index_stages()
    op.drop_index("ix_leads_without_next_action", "leads")
    op.drop_index("ix_leads_rotting", "leads")
    for name in ("without_next_action_since", "rotting_reason", "rots_at"):
        op.drop_column("leads", name)


def _index_stages(**options: object) -> None:
    op.drop_index("ix_leads_stage", "leads")
    columns = ["clinic_id", "pipeline_stage", "id"]
    op.create_index("ix_leads_stage", "leads", columns, postgresql_where=sa.text(LIVE), **options)


def _index_tasks(*columns: str) -> None:
    op.drop_index("ix_lead_tasks_lead", "lead_tasks")
    op.create_index("ix_lead_tasks_lead", "lead_tasks", list(columns))
