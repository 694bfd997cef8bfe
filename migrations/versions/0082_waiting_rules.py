"""Leads whose rules wait: imported without follow-ups. Sweeps find the other leads by their indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0082"
down_revision = "0081"
branch_labels = None
depends_on = None

OPEN = "status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL"
APPLY = " AND rules_wait_since IS NULL"
SWEEPS = {
    "ix_leads_going_stale": (["clinic_id", "last_activity_at"], f"{OPEN} AND stale_since IS NULL"),
    "ix_leads_in_stage": (
        ["clinic_id", "pipeline_stage", "stage_entered_at"],
        f"{OPEN} AND stage_overdue_since IS NULL",
    ),
}
NEW = {
    "ix_leads_rules_begin": (["rules_wait_until"], "rules_wait_until IS NOT NULL"),
    "ix_leads_rules_wait": (["clinic_id", "id"], "rules_wait_since IS NOT NULL AND deleted_at IS NULL"),
}


def upgrade() -> None:
    for name in ("rules_wait_since", "rules_wait_until"):
        op.add_column("leads", sa.Column(name, sa.DateTime(timezone=True)))
    with op.get_context().autocommit_block():
        for name, (columns, where) in NEW.items():
            _drop(name)  # an interrupted build leaves an invalid index
            _create(name, columns, where)
        for name, (columns, where) in SWEEPS.items():
            _replace(name, columns, where + APPLY)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, (columns, where) in SWEEPS.items():
            _replace(name, columns, where)
        for name in NEW:
            _drop(name)
    for name in ("rules_wait_until", "rules_wait_since"):
        op.drop_column("leads", name)


def _replace(name: str, columns: list[str], where: str) -> None:
    """Build the index anew under another name, so that the sweeps have one meanwhile."""
    _drop(f"{name}_new")
    _create(f"{name}_new", columns, where)
    _drop(name)
    op.execute(f"ALTER INDEX IF EXISTS {name}_new RENAME TO {name}")


def _create(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "leads", columns, postgresql_where=sa.text(where), postgresql_concurrently=True)


def _drop(name: str) -> None:
    op.drop_index(name, "leads", postgresql_concurrently=True, if_exists=True)
