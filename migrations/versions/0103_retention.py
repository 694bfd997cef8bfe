"""Retention of old tasks and activities of closed leads, and legal holds of leads.

The trigger notes stage changes that are deleted, because rollups count them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0103"
down_revision = "0102"
branch_labels = None
depends_on = None

HOLDS, CLOSED = "legal_holds", "ix_leads_closed"
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
# Days that are younger are in no rollup (see 0071).
IS_OLD = "< now() - interval '12 hours'"
IS_CHANGE = "type = 'STAGE_CHANGE'"
# An entry decides whether later ones of the same lead are the first into their stage.
FUNCTION = f"""
CREATE FUNCTION note_removed_entries() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO lead_rollup_changes (clinic_id, created_at)
    SELECT clinic_id, at FROM (
        SELECT clinic_id, occurred_at AS at FROM removed WHERE {IS_CHANGE}
        UNION
        SELECT a.clinic_id, a.occurred_at FROM lead_activities a
        WHERE a.lead_id IN (SELECT lead_id FROM removed WHERE {IS_CHANGE}) AND a.{IS_CHANGE}
    ) AS beside WHERE at {IS_OLD};
    RETURN NULL;
END $$
"""  # noqa: S608  (constants)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(CLOSED, "leads", postgresql_concurrently=True, if_exists=True)  # of an interrupted build
        op.create_index(
            CLOSED,
            "leads",
            ["clinic_id", sa.text("coalesce(converted_at, lost_at, erased_at)"), "id"],
            postgresql_where=sa.text("status IN ('CONVERTED', 'LOST', 'ARCHIVED')"),
            postgresql_concurrently=True,
        )
    op.add_column("clinics", sa.Column("keep_history_days", sa.Integer(), nullable=True))
    op.create_table(
        HOLDS,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("placed_by_id", sa.Uuid(), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f(f"fk_{HOLDS}_lead_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{HOLDS}")),
        sa.UniqueConstraint("lead_id", name=op.f(f"uq_{HOLDS}_lead_id")),
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {HOLDS} TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON {HOLDS} TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {HOLDS} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute(f"ALTER TABLE {HOLDS} ENABLE ROW LEVEL SECURITY")
    op.execute(FUNCTION)
    op.execute(
        "CREATE TRIGGER note_removed_entries AFTER DELETE ON lead_activities REFERENCING OLD TABLE AS removed"
        " FOR EACH STATEMENT EXECUTE FUNCTION note_removed_entries()"
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(CLOSED, "leads", postgresql_concurrently=True, if_exists=True)
    op.execute("DROP TRIGGER note_removed_entries ON lead_activities")
    op.execute("DROP FUNCTION note_removed_entries")
    op.drop_table(HOLDS)
    op.drop_column("clinics", "keep_history_days")
