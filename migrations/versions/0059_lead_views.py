"""Saved views of leads, and what the console needs. The role of a clinic may read whether steps are held, and the runs of sweeps.

A sign-in keeps its former refresh token for some seconds: a page that is loaded again may not have seen the new one.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

TABLE, APP, CLINIC = "lead_views", "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("filters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_lead_views_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_views")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_lead_views_user_id_name")),
    )
    op.create_index("ix_lead_views_shared", TABLE, ["clinic_id"], postgresql_where=sa.text("shared"))
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON {TABLE} TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {TABLE} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute("GRANT SELECT ON holds, sweep_runs TO relance_clinic")
    op.add_column("sign_ins", sa.Column("former_refresh_id", sa.Uuid(), nullable=True))
    op.add_column("sign_ins", sa.Column("refreshed_at", TIME, nullable=True))


def downgrade() -> None:
    op.execute("REVOKE SELECT ON holds, sweep_runs FROM relance_clinic")
    op.drop_column("sign_ins", "refreshed_at")
    op.drop_column("sign_ins", "former_refresh_id")
    op.drop_table(TABLE)
