"""Rollups: leads of past days and months, counted for reports, and a trigger that notes changes of these leads."""

import sqlalchemy as sa
from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

SPANS, GROUPS = "lead_rollup_spans", "lead_rollup_groups"
COUNTS, CHANGES = "lead_rollup_counts", "lead_rollup_changes"
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
TIME = sa.DateTime(timezone=True)
COLUMNS = (
    *("clinic_id", "created_at", "deleted_at", "status", "pipeline_stage", "past_stages", "source_id"),
    *("assigned_to_id", "capture_channel", "lost_reason", "first_touch_source_id", "last_touch_source_id"),
    *("lead_value", "first_contact_at", "converted_at", "lost_at"),
)
WHETHER_SET = ("contacted_at", "replied_at")  # reports ask only whether they have a value
# Leads that are younger are in no rollup (see SETTLED of the sweep): captures write no change.
IS_OLD = "< now() - interval '12 hours'"
FUNCTION = """
CREATE FUNCTION note_rollup_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO lead_rollup_changes (clinic_id, created_at) VALUES (NEW.clinic_id, NEW.created_at);
    IF TG_OP = 'UPDATE' AND OLD.created_at <> NEW.created_at THEN
        INSERT INTO lead_rollup_changes (clinic_id, created_at) VALUES (OLD.clinic_id, OLD.created_at);
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    _create_tables()
    op.create_index("ix_lead_rollup_counts_clinic", COUNTS, ["clinic_id"])
    op.create_index("ix_lead_rollup_counts_group", COUNTS, ["group_id"])
    op.create_index("ix_lead_rollup_changes_clinic", CHANGES, ["clinic_id", "created_at"])
    for table in (SPANS, GROUPS, COUNTS, CHANGES):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}, {CLINIC}")
        op.execute(f"CREATE POLICY everything ON {table} TO {APP} USING (true)")
        op.execute(f"CREATE POLICY own_clinic ON {table} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    _create_triggers()


def downgrade() -> None:
    op.execute("DROP TRIGGER note_added_lead ON leads")
    op.execute("DROP TRIGGER note_changed_lead ON leads")
    op.execute("DROP FUNCTION note_rollup_change")
    for table in (CHANGES, COUNTS, GROUPS, SPANS):
        op.drop_table(table)


def _create_tables() -> None:
    op.create_table(
        SPANS,
        _id(),
        _clinic(),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.Column("is_month", sa.Boolean(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("rolled_up_at", TIME, nullable=False),
        _owner(SPANS),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{SPANS}")),
        sa.UniqueConstraint("clinic_id", "starts_at", "ends_at", name=f"uq_{SPANS}_time"),
    )
    op.create_table(
        GROUPS,
        _id(),
        _clinic(),
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in ("fingerprint", "source_id")),
        *(
            sa.Column(name, sa.Uuid(), nullable=True)
            for name in ("assigned_to_id", "first_touch_source_id", "last_touch_source_id")
        ),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("status", "pipeline_stage", "capture_channel")),
        sa.Column("past_stages", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("lost_reason", sa.Text(), nullable=True),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("has_contact", "has_answered", "has_replied")),
        _owner(GROUPS),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{GROUPS}")),
        sa.UniqueConstraint("clinic_id", "fingerprint", name=f"uq_{GROUPS}_fingerprint"),
    )
    op.create_table(
        COUNTS,
        *(sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in ("span_id", "group_id")),
        _clinic(),
        sa.Column("leads", sa.Integer(), nullable=False),
        sa.Column("money", sa.Numeric(18, 2), nullable=True),
        *_sum("days_to_convert"),
        *_sum("days_to_loss"),
        *_sum("minutes_mean"),
        _owner(COUNTS),
        sa.PrimaryKeyConstraint("span_id", "group_id", name=op.f(f"pk_{COUNTS}")),
    )
    op.create_table(
        CHANGES,
        _id(),
        _clinic(),
        sa.Column("created_at", TIME, nullable=False),
        _owner(CHANGES),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{CHANGES}")),
    )


def _id() -> sa.Column[object]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def _clinic() -> sa.Column[object]:
    return sa.Column("clinic_id", sa.Uuid(), nullable=False)


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["clinic_id"], ["clinics.id"], name=op.f(f"fk_{table}_clinic_id"), ondelete="CASCADE"
    )


def _sum(name: str) -> tuple[sa.Column[object], sa.Column[object]]:
    """Return the columns of a sum and of the number of its terms."""
    return (
        sa.Column(name, sa.Double(), nullable=True),
        sa.Column(f"{name}_of", sa.Integer(), nullable=False),
    )


def _create_triggers() -> None:
    op.execute(FUNCTION)
    old, new = (
        ", ".join([*(f"{row}.{name}" for name in COLUMNS), *(f"({row}.{name} IS NULL)" for name in WHETHER_SET)])
        for row in ("OLD", "NEW")
    )
    op.execute(
        f"CREATE TRIGGER note_added_lead AFTER INSERT ON leads FOR EACH ROW WHEN (NEW.created_at {IS_OLD})"
        " EXECUTE FUNCTION note_rollup_change()"
    )
    op.execute(
        f"CREATE TRIGGER note_changed_lead AFTER UPDATE OF {', '.join((*COLUMNS, *WHETHER_SET))} ON leads FOR EACH ROW"
        f" WHEN (least(OLD.created_at, NEW.created_at) {IS_OLD} AND ROW({old}) IS DISTINCT FROM ROW({new})) EXECUTE FUNCTION note_rollup_change()"
    )
