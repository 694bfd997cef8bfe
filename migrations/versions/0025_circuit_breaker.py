"""Circuit breaker: outcomes of each rule's steps by hour, backfill progress, late and postponed steps."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
FIGURES = ("done", "sent", "failed", "bounced", "opted_out")
PUT_OFF = "reason IS NOT NULL AND state IN ('planned', 'published')"
TROUBLE = "failed > 0 OR bounced > 0 OR opted_out > 0"


def upgrade() -> None:
    op.create_table(
        "series_hours",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("hour", TIME, nullable=False),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in FIGURES),
        sa.PrimaryKeyConstraint("clinic_id", "series", "hour", "shard", name=op.f("pk_series_hours")),
    )
    op.create_index("ix_series_hours_hour", "series_hours", ["hour"])
    op.create_index("ix_series_hours_trouble", "series_hours", ["hour"], postgresql_where=sa.text(TROUBLE))
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON series_hours TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON series_hours TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON series_hours TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute("ALTER TABLE series_hours ENABLE ROW LEVEL SECURITY")
    op.create_index(
        "ix_steps_finished",
        "steps",
        ["clinic_id", "finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index("ix_steps_put_off", "steps", ["clinic_id", "due_at"], postgresql_where=sa.text(PUT_OFF))
    op.add_column("jobs", sa.Column("next_at", TIME, nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "next_at")
    op.drop_index("ix_steps_put_off", "steps")
    op.drop_index("ix_steps_finished", "steps")
    op.drop_table("series_hours")
