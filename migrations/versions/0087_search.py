"""Search keys of leads and of the notes in their timelines.

The sweep indexes the existing rows, newest first. Until it has, they are not found by parts of names and words.
"""

import sqlalchemy as sa
from alembic import op

revision = "0087"
down_revision = "0086"
branch_labels = None
depends_on = None

APP, CLINIC = "relance_app", "relance_clinic"
CURRENT = "nullif(current_setting('relance.clinic', true), '')::uuid"
OURS = f"clinic_id = {CURRENT}"
WORDS, WAITING = "ix_lead_activities_words", "ix_lead_activities_not_indexed"
NAMES = ("first_name", "last_name")
SEARCHED = (
    *("first_name", "last_name", "patient_first_name", "patient_last_name"),
    *("external_id", "email_blind", "phone_blind", "phone_alt_blind"),
)
# Whoever changes a searched field fills the keys afterwards. The sweep does so for all others.
TRIGGER_FUNCTION = """
CREATE FUNCTION note_lead_to_index() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO lead_search (id, clinic_id) VALUES (NEW.id, NEW.clinic_id) ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO lead_search (id, clinic_id) VALUES (NEW.id, NEW.clinic_id) ON CONFLICT (id) DO UPDATE SET keys = NULL;
    END IF;
    RETURN NULL;
END $$
"""
# `wanted` has the words; each word its alternatives; each alternative the keys of which a lead has all. The statement is
# planned with its values, because the keys of frequent letters are frequent.
LEADS_WITH_KEYS = f"""
CREATE FUNCTION leads_with_keys(wanted jsonb, owners uuid[], most integer) RETURNS SETOF uuid LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE tests text;
BEGIN
    SELECT string_agg('(' || any_way.test || ')', ' AND ') INTO tests FROM jsonb_array_elements(wanted) AS word (ways)
    CROSS JOIN LATERAL (
        SELECT string_agg(format('s.keys @> %L::integer[]', one.keys::text), ' OR ') AS test FROM (
            SELECT (SELECT array_agg(key::integer) FROM jsonb_array_elements_text(way.keys) AS key) AS keys
            FROM jsonb_array_elements(word.ways) AS way (keys)
        ) AS one WHERE one.keys IS NOT NULL
    ) AS any_way WHERE any_way.test IS NOT NULL;
    IF tests IS NULL THEN RETURN; END IF;
    RETURN QUERY EXECUTE
        'SELECT s.id FROM lead_search s JOIN leads l ON l.id = s.id WHERE s.{OURS.replace("'", "''")} AND ' || tests ||
        ' AND l.deleted_at IS NULL AND ($1 IS NULL OR l.assigned_to_id = ANY ($1)) ORDER BY s.id DESC LIMIT $2'
        USING owners, most;
END $$
"""  # noqa: S608  (constants)
NOTES_WITH_KEYS = f"""
CREATE FUNCTION notes_with_keys(wanted integer[], owners uuid[], most integer) RETURNS SETOF uuid LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT a.id FROM lead_activities a JOIN leads l ON l.id = a.lead_id WHERE a.{OURS.replace("'", "''")}'
        ' AND a.notes_blind @> %L::integer[]'
        ' AND l.deleted_at IS NULL AND ($1 IS NULL OR l.assigned_to_id = ANY ($1)) ORDER BY a.id DESC LIMIT $2',
        wanted::text
    ) USING owners, most;
END $$
"""  # noqa: S608  (constants)
FUNCTIONS = {
    "leads_with_keys": "jsonb, uuid[], integer",
    "notes_with_keys": "integer[], uuid[], integer",
}


def upgrade() -> None:
    _change_large_tables()
    op.create_table(
        "lead_search",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("keys", sa.ARRAY(sa.Integer()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_search")),
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON lead_search TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON lead_search TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON lead_search TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute("ALTER TABLE lead_search ENABLE ROW LEVEL SECURITY")
    op.create_index(
        "ix_lead_search_keys",
        "lead_search",
        ["keys"],
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 256},
        postgresql_where=sa.text("keys IS NOT NULL"),
    )
    op.create_index("ix_lead_search_waiting", "lead_search", ["id"], postgresql_where=sa.text("keys IS NULL"))
    for statement in (TRIGGER_FUNCTION, LEADS_WITH_KEYS, NOTES_WITH_KEYS):
        op.execute(statement)
    for name, types in FUNCTIONS.items():
        op.execute(f"REVOKE ALL ON FUNCTION {name}({types}) FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name}({types}) TO {APP}, {CLINIC}")
    # All leads before the lock on the table, which the triggers take; then those that were added meanwhile.
    op.execute("INSERT INTO lead_search (id, clinic_id) SELECT id, clinic_id FROM leads")
    _create_triggers()
    op.execute(
        "INSERT INTO lead_search (id, clinic_id) SELECT id, clinic_id FROM leads"
        " WHERE created_at > now() - interval '1 day' ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop_indexes()
        for name in NAMES:
            op.execute(
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_leads_{name} ON leads"
                f" (clinic_id, folded_name({name}) text_pattern_ops) WHERE deleted_at IS NULL"
            )
    for name, types in FUNCTIONS.items():
        op.execute(f"DROP FUNCTION {name}({types})")
    op.drop_column("lead_activities", "notes_blind")
    op.execute("DROP TRIGGER note_changed_lead_to_index ON leads")
    op.execute("DROP TRIGGER note_new_lead_to_index ON leads")
    op.execute("DROP FUNCTION note_lead_to_index")
    op.drop_table("lead_search")


def _change_large_tables() -> None:
    """Add the words of notes, and drop the indexes of names. Running processes search by them until they end: slowly."""
    with op.get_context().autocommit_block():
        _drop_indexes()
        op.add_column(
            "lead_activities", sa.Column("notes_blind", sa.ARRAY(sa.Integer()), nullable=True), if_not_exists=True
        )
        op.create_index(
            WORDS,
            "lead_activities",
            ["notes_blind"],
            postgresql_using="gin",
            postgresql_where=sa.text("notes_blind IS NOT NULL"),
            postgresql_concurrently=True,
        )
        op.create_index(
            WAITING,
            "lead_activities",
            ["id"],
            postgresql_where=sa.text("notes_blind IS NULL AND sealed IS NOT NULL"),
            postgresql_concurrently=True,
        )
        for name in NAMES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS ix_leads_{name}")


def _drop_indexes() -> None:
    """Drop the indexes, also those that an interrupted migration left invalid."""
    for name in (WORDS, WAITING):
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _create_triggers() -> None:
    old, new = (", ".join(f"{row}.{name}" for name in SEARCHED) for row in ("OLD", "NEW"))
    op.execute(
        "CREATE TRIGGER note_new_lead_to_index AFTER INSERT ON leads FOR EACH ROW EXECUTE FUNCTION note_lead_to_index()"
    )
    op.execute(
        f"CREATE TRIGGER note_changed_lead_to_index AFTER UPDATE OF {', '.join(SEARCHED)} ON leads FOR EACH ROW"
        f" WHEN (ROW({old}) IS DISTINCT FROM ROW({new})) EXECUTE FUNCTION note_lead_to_index()"
    )
