"""Sending accounts of clinics, their usage, and the account of each message."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
APP, CLINIC = "relance_app", "relance_clinic"
OUR_CLINIC = "nullif(current_setting('relance.clinic', true), '')::uuid"
OF_ACCOUNT = "EXISTS (SELECT FROM sending_accounts parent WHERE parent.id = sending_account_counts.account_id)"
# The error of a shared server may name its host and account, so it is not returned.
OUTAGE = "o.target, o.gateway_id, g.name AS gateway"
REST = "o.failing_since, o.checked_at FROM public.channel_outages o LEFT JOIN public.gateways g ON g.id = o.gateway_id"
COLUMNS = "target text, gateway_id uuid, gateway text, error text, failing_since timestamptz, checked_at timestamptz"
BEFORE = (
    f"SELECT {OUTAGE}, CASE WHEN o.gateway_id IS NOT NULL THEN o.error END, {REST}"
    f" WHERE o.opened_at IS NOT NULL AND (o.gateway_id IS NULL OR g.clinic_id = {OUR_CLINIC}) ORDER BY o.failing_since"
)
AFTER = (
    "SELECT o.target, o.gateway_id, g.name, CASE WHEN coalesce(o.gateway_id, o.account_id) IS NOT NULL THEN o.error"  # noqa: S608  (constants)
    " END, o.failing_since, o.checked_at, o.account_id, a.name FROM public.channel_outages o"
    " LEFT JOIN public.gateways g ON g.id = o.gateway_id LEFT JOIN public.sending_accounts a ON a.id = o.account_id"
    " WHERE o.opened_at IS NOT NULL AND (coalesce(o.gateway_id, o.account_id) IS NULL"
    f" OR g.clinic_id = {OUR_CLINIC} OR a.clinic_id = {OUR_CLINIC}) ORDER BY o.failing_since"
)


def upgrade() -> None:
    op.create_table(
        "sending_accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("default_for", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("per_hour", sa.Integer(), nullable=True),
        sa.Column("per_day", sa.Integer(), nullable=True),
        sa.Column("warm_up_per_day", sa.Integer(), nullable=True),
        sa.Column("warm_up_growth", sa.Integer(), nullable=True),
        sa.Column("warm_up_started_on", sa.Date(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('smtp', 'twilio', 'whatsapp_cloud')", name=op.f("ck_sending_accounts_kind")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_sending_accounts_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending_accounts")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_sending_accounts_clinic_id_name")),
    )
    op.create_table(
        "sending_account_counts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("promised", sa.Integer(), nullable=False),
        sa.CheckConstraint("period IN ('minute', 'day')", name=op.f("ck_sending_account_counts_period")),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["sending_accounts.id"],
            name=op.f("fk_sending_account_counts_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "period", "starts_at", name=op.f("pk_sending_account_counts")),
    )
    op.create_index("ix_sending_account_counts_starts_at", "sending_account_counts", ["starts_at"])
    _keep_apart("sending_accounts", f"clinic_id = {OUR_CLINIC}")
    _keep_apart("sending_account_counts", OF_ACCOUNT)
    op.add_column("notifications", sa.Column("account_id", sa.Uuid(), nullable=True))
    op.add_column("channel_outages", sa.Column("account_id", sa.Uuid(), nullable=True))
    _replace_function(f"{COLUMNS}, account_id uuid, account text", AFTER)


def downgrade() -> None:
    _replace_function(COLUMNS, BEFORE)
    op.execute("DELETE FROM channel_outages WHERE account_id IS NOT NULL")
    op.drop_column("channel_outages", "account_id")
    op.drop_column("notifications", "account_id")
    op.drop_table("sending_account_counts")
    op.drop_table("sending_accounts")


def _keep_apart(table: str, own: str) -> None:
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON {table} TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {table} TO {CLINIC} USING ({own}) WITH CHECK ({own})")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def _replace_function(columns: str, query: str) -> None:
    op.execute("DROP FUNCTION clinic_outages")
    op.execute(
        f"CREATE FUNCTION clinic_outages() RETURNS TABLE ({columns}) LANGUAGE sql STABLE"
        f" SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$ {query} $$"
    )
    op.execute("REVOKE ALL ON FUNCTION clinic_outages FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION clinic_outages TO {APP}, {CLINIC}")
