"""Gateways, their requests and events, and the gateway columns of messages."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
MESSAGE = {
    "gateway_id": sa.Uuid(),
    "message_type": sa.Text(),
    "media_url": sa.Text(),
    "delivered_at": TIME,
    "opened_at": TIME,
    "clicked_at": TIME,
}


def upgrade() -> None:
    op.create_table(
        "gateways",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("rotated_at", TIME, nullable=True),
        sa.Column("per_hour", sa.Integer(), nullable=True),
        sa.Column("idempotent", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("purpose IN ('messages', 'webhook')", name=op.f("ck_gateways_purpose")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_gateways_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateways")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_gateways_clinic_id_name")),
    )
    _keep_apart("gateways", OURS)
    _of_a_gateway("gateway_minutes", ("minute", TIME), ("sent", sa.Integer()), ("promised", sa.Integer()))
    op.create_index("ix_gateway_minutes_minute", "gateway_minutes", ["minute"])
    _of_a_gateway("gateway_receipts", ("call_id", sa.Text()), ("received_at", TIME))
    op.create_index("ix_gateway_receipts_received_at", "gateway_receipts", ["received_at"])
    for name, kind in MESSAGE.items():
        op.add_column("notifications", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    for name in MESSAGE:
        op.drop_column("notifications", name)
    for table in ("gateway_receipts", "gateway_minutes", "gateways"):
        op.drop_table(table)


def _of_a_gateway(table: str, *columns: tuple[str, sa.types.TypeEngine]) -> None:
    """Create a table of a gateway. The first column is part of its key."""
    op.create_table(
        table,
        sa.Column("gateway_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, kind, nullable=False) for name, kind in columns),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["gateways.id"], name=op.f(f"fk_{table}_gateway_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("gateway_id", columns[0][0], name=op.f(f"pk_{table}")),
    )
    _keep_apart(table, f"EXISTS (SELECT FROM gateways parent WHERE parent.id = {table}.gateway_id)")


def _keep_apart(table: str, whose: str) -> None:
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON {table} TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {table} TO {CLINIC} USING ({whose}) WITH CHECK ({whose})")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
