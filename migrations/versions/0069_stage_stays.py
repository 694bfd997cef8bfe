"""Rollups of the time that leads spend in each stage. The sweep counts all days again, because their hash changes."""

import sqlalchemy as sa
from alembic import op

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None

STAYS = "lead_rollup_stays"
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
COLUMNS = (
    *("clinic_id", "created_at", "deleted_at", "status", "pipeline_stage", "past_stages", "source_id"),
    *("assigned_to_id", "capture_channel", "lost_reason", "first_touch_source_id", "last_touch_source_id"),
    *("lead_value", "first_contact_at", "converted_at", "lost_at"),
)
ADDED = ("past_stage_seconds", "stage_entered_at")
WHETHER_SET = ("contacted_at", "replied_at")  # reports ask only whether they have a value
IS_OLD = "< now() - interval '12 hours'"


def upgrade() -> None:
    numbers = sa.ARRAY(sa.Integer())
    op.create_table(
        STAYS,
        sa.Column("span_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, numbers, nullable=False) for name in ("hours", "ended")),
        sa.Column("starts", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f(f"fk_{STAYS}_clinic_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("span_id", "stage", name=op.f(f"pk_{STAYS}")),
    )
    op.execute(f"ALTER TABLE {STAYS} ALTER COLUMN starts SET STORAGE EXTERNAL")  # these bytes do not compress
    op.create_index(f"ix_{STAYS}_clinic", STAYS, ["clinic_id"])
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {STAYS} TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON {STAYS} TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {STAYS} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute(f"ALTER TABLE {STAYS} ENABLE ROW LEVEL SECURITY")
    _note_changes_of((*COLUMNS, *ADDED))


def downgrade() -> None:
    _note_changes_of(COLUMNS)
    op.drop_table(STAYS)


def _note_changes_of(columns: tuple[str, ...]) -> None:
    """Replace the trigger that notes changes of leads of counted days by one for these columns."""
    old, new = (
        ", ".join([*(f"{row}.{name}" for name in columns), *(f"({row}.{name} IS NULL)" for name in WHETHER_SET)])
        for row in ("OLD", "NEW")
    )
    op.execute(
        f"CREATE OR REPLACE TRIGGER note_changed_lead AFTER UPDATE OF {', '.join((*columns, *WHETHER_SET))} ON leads"
        f" FOR EACH ROW WHEN (least(OLD.created_at, NEW.created_at) {IS_OLD}"
        f" AND ROW({old}) IS DISTINCT FROM ROW({new})) EXECUTE FUNCTION note_rollup_change()"
    )
