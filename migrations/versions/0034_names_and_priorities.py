"""Search of leads by the beginning of a name, and tasks in order of their priority."""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

APP, CLINIC = "relance_app", "relance_clinic"
OURS = "nullif(current_setting('relance.clinic', true), '')::uuid"
LIVE = "deleted_at IS NULL"
OPEN = "status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')"
RANK = "array_position('{URGENT,HIGH,NORMAL,LOW}'::text[], priority)"
NAMES = ("first_name", "last_name")


def upgrade() -> None:
    for name in NAMES:
        op.execute(f"CREATE INDEX ix_leads_{name} ON leads (clinic_id, lower({name}) text_pattern_ops) WHERE {LIVE}")
    # An index on the expression: a generated column would rewrite the table while it is locked.
    op.execute(f"CREATE INDEX ix_lead_tasks_urgent ON lead_tasks (clinic_id, {RANK}, due_at, id) WHERE {OPEN}")
    _add_finder()


def downgrade() -> None:
    op.execute("DROP FUNCTION leads_named")
    op.drop_index("ix_lead_tasks_urgent", "lead_tasks")
    for name in NAMES:
        op.drop_index(f"ix_leads_{name}", "leads")


def _add_finder() -> None:
    """Add a function like those of 0015: it returns rows of the transaction's clinic only.

    The words are the beginning of a first or last name, or of both in either order.
    """
    words = "string_to_array(lower(wanted), ' ')"
    parts = (
        f"(SELECT array_to_string(({words})[1 : place], ' ') AS one, array_to_string(({words})[place + 1 : ], ' ') AS other"  # noqa: S608  (written above)
        f" FROM generate_series(1, cardinality({words}) - 1) AS place) AS part"
    )
    whole = [_leads(_begins(name, "lower(wanted)")) for name in NAMES]
    both = [
        _leads(f"{_begins(first, 'one')} AND {_begins(second, 'other')}", also=f", {parts}")
        for first, second in (NAMES, NAMES[::-1])
    ]
    found = " UNION ".join(f"({one} LIMIT most)" for one in (*whole, *both))
    op.execute(
        "CREATE FUNCTION leads_named(wanted text, most integer) RETURNS SETOF uuid LANGUAGE sql STABLE"
        f" SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$ {found} $$"
    )
    op.execute("REVOKE ALL ON FUNCTION leads_named FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION leads_named TO {APP}, {CLINIC}")


def _leads(test: str, *, also: str = "") -> str:
    return f"SELECT leads.id FROM public.leads{also} WHERE clinic_id = {OURS} AND {LIVE} AND {test}"  # noqa: S608  (written above)


def _begins(name: str, start: str) -> str:
    """Return the test as a range, because a LIKE pattern that is no constant uses no index."""
    return f"lower({name}) ~>=~ {start} AND lower({name}) ~<~ ({start} || chr(1114111))"
