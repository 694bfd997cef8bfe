"""A function that returns the open outages of channels and of the transaction's clinic."""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

APP, CLINIC = "relance_app", "relance_clinic"
OURS = "nullif(current_setting('relance.clinic', true), '')::uuid"
# The error of a shared server may name its host and account, so it is not returned.
OPEN = (
    "SELECT o.target, o.gateway_id, g.name, CASE WHEN o.gateway_id IS NOT NULL THEN o.error END,"  # noqa: S608  (constants)
    " o.failing_since, o.checked_at FROM public.channel_outages o LEFT JOIN public.gateways g ON g.id = o.gateway_id"
    f" WHERE o.opened_at IS NOT NULL AND (o.gateway_id IS NULL OR g.clinic_id = {OURS}) ORDER BY o.failing_since"
)


def upgrade() -> None:
    columns = (
        "target text, gateway_id uuid, gateway text, error text, failing_since timestamptz, checked_at timestamptz"
    )
    op.execute(
        f"CREATE FUNCTION clinic_outages() RETURNS TABLE ({columns}) LANGUAGE sql STABLE"
        f" SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$ {OPEN} $$"
    )
    op.execute("REVOKE ALL ON FUNCTION clinic_outages FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION clinic_outages TO {APP}, {CLINIC}")


def downgrade() -> None:
    op.execute("DROP FUNCTION clinic_outages")
