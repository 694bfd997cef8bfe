"""Search of leads by name without regard to accents."""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

APP, CLINIC = "relance_app", "relance_clinic"
OURS = "nullif(current_setting('relance.clinic', true), '')::uuid"
LIVE = "deleted_at IS NULL"
NAMES = ("first_name", "last_name")
# Letters that Unicode does not decompose into a letter and a mark.
OTHERS = {"ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "þ": "th", "Þ": "th"}
STROKES, LETTERS = "łŁøØđĐðÐħĦ\u0131", "llooddddhhi"


def upgrade() -> None:
    # In PL/pgSQL, because the planner would inline SQL, and overestimate the cost of its parts for ASCII names.
    op.execute(
        "CREATE FUNCTION folded_name(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 2 AS $$"
        " BEGIN IF octet_length(name) = length(name) THEN RETURN lower(name); END IF;"
        f" RETURN {_folded('name')}; END $$"
    )
    op.execute("REVOKE ALL ON FUNCTION folded_name FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION folded_name TO {APP}, {CLINIC}")
    _index_names("folded_name")
    _replace_finder("folded_name")


def downgrade() -> None:
    _replace_finder("lower")
    _index_names("lower")
    op.execute("DROP FUNCTION folded_name")


def _folded(name: str) -> str:
    """Return SQL for lower-case text without accents: `Lefèvre` becomes `lefevre`, `Groß` becomes `gross`."""
    plain = f"regexp_replace(normalize({name}, NFKD), '[\\u0300-\\u036f]', '', 'g')"
    plain = f"translate({plain}, '{STROKES}', '{LETTERS}')"
    for letter, letters in OTHERS.items():
        plain = f"replace({plain}, '{letter}', '{letters}')"
    return f"lower({plain})"


def _index_names(function: str) -> None:
    for name in NAMES:
        op.execute(f"DROP INDEX ix_leads_{name}")
        op.execute(
            f"CREATE INDEX ix_leads_{name} ON leads (clinic_id, {function}({name}) text_pattern_ops) WHERE {LIVE}"
        )


def _replace_finder(function: str) -> None:
    """Replace the function of 0034, which finds leads by the beginning of a first or last name, or of both."""
    words = f"string_to_array({function}(wanted), ' ')"
    parts = (
        f"(SELECT array_to_string(({words})[1 : place], ' ') AS one, array_to_string(({words})[place + 1 : ], ' ') AS other"  # noqa: S608  (written above)
        f" FROM generate_series(1, cardinality({words}) - 1) AS place) AS part"
    )
    whole = [_leads(_begins(f"{function}({name})", f"{function}(wanted)")) for name in NAMES]
    both = [
        _leads(
            f"{_begins(f'{function}({first})', 'one')} AND {_begins(f'{function}({second})', 'other')}", f", {parts}"
        )
        for first, second in (NAMES, NAMES[::-1])
    ]
    found = " UNION ".join(f"({one} LIMIT most)" for one in (*whole, *both))
    op.execute(
        "CREATE OR REPLACE FUNCTION leads_named(wanted text, most integer) RETURNS SETOF uuid LANGUAGE sql STABLE"
        f" SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$ {found} $$"
    )


def _leads(test: str, also: str = "") -> str:
    return f"SELECT leads.id FROM public.leads{also} WHERE clinic_id = {OURS} AND {LIVE} AND {test}"  # noqa: S608  (written above)


def _begins(name: str, start: str) -> str:
    """Return the test as a range, because a LIKE pattern that is no constant uses no index."""
    return f"{name} ~>=~ {start} AND {name} ~<~ ({start} || chr(1114111))"
