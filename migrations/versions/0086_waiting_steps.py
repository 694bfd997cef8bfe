"""What a step waits for, so that whoever ends the wait wakes it; and a clinic ends the outage of its own sender."""

import sqlalchemy as sa
from alembic import op

revision = "0086"
down_revision = "0085"
branch_labels = None
depends_on = None

APP, CLINIC = "relance_app", "relance_clinic"
OURS = "nullif(current_setting('relance.clinic', true), '')::uuid"
NAME, EARLIER = "ix_steps_waiting", "ix_steps_waiting_for_channel"
PENDING = "state IN ('planned', 'published')"
# The next failure opens the outage again: two of the three that open it are counted already.
END = (
    "UPDATE public.channel_outages o SET failures = 2, opened_at = NULL, checked_at = NULL, closed_at = at"  # noqa: S608
    " WHERE o.target = CAST(sender AS text) AND o.opened_at IS NOT NULL AND (EXISTS (SELECT FROM public.gateways g"
    f" WHERE g.id = sender AND g.clinic_id = coalesce({OURS}, g.clinic_id)) OR EXISTS (SELECT FROM"
    f" public.sending_accounts a WHERE a.id = sender AND a.clinic_id = coalesce({OURS}, a.clinic_id)))"
)


def upgrade() -> None:
    op.add_column("steps", sa.Column("waits_for", sa.Text(), nullable=True))
    op.execute(
        "UPDATE steps SET waits_for = 'outage:' || (outcome ->> 'waits_for')"  # noqa: S608  (constants)
        f" WHERE reason = 'channel_down' AND {PENDING} AND outcome ->> 'waits_for' IS NOT NULL"
    )
    op.execute(
        "CREATE FUNCTION end_sender_outage(sender uuid, at timestamptz) RETURNS void LANGUAGE sql VOLATILE"
        f" SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$ {END} $$"
    )
    op.execute("REVOKE ALL ON FUNCTION end_sender_outage FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION end_sender_outage TO {APP}, {CLINIC}")
    waiting = sa.text(f"waits_for IS NOT NULL AND {PENDING}")
    with op.get_context().autocommit_block():
        _drop(NAME)  # an interrupted build leaves an invalid index
        op.create_index(
            NAME, "steps", ["waits_for", "clinic_id", "id"], postgresql_where=waiting, postgresql_concurrently=True
        )
        _drop(EARLIER)


def downgrade() -> None:
    waiting = sa.text(f"reason = 'channel_down' AND {PENDING}")
    with op.get_context().autocommit_block():
        _drop(EARLIER)
        op.create_index(EARLIER, "steps", ["clinic_id", "id"], postgresql_where=waiting, postgresql_concurrently=True)
        _drop(NAME)
    op.execute("DROP FUNCTION end_sender_outage")
    op.drop_column("steps", "waits_for")


def _drop(name: str) -> None:
    op.drop_index(name, "steps", postgresql_concurrently=True, if_exists=True)
