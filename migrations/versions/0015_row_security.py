"""Row-level security: the role `relance_clinic` sees the rows of one clinic only.

The application keeps its own role, which sees all rows, because older processes may run during a deployment. Where the
policy check would prevent the use of an index, queries use a separate column, or a function of the owner that checks
the clinic itself.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

APP, CLINIC = "relance_app", "relance_clinic"
OURS = "nullif(current_setting('relance.clinic', true), '')::uuid"
EVERYTHING, ADDED_ONLY = "SELECT, INSERT, UPDATE, DELETE", "SELECT, INSERT"
WITH_A_CLINIC = (
    *("absences", "api_keys", "assignment_history", "assignment_rules", "audit_entries", "audit_seals", "consents"),
    *("custom_fields", "deliveries", "imports", "jobs", "kept_answers", "lead_activities", "lead_sources"),
    *("lead_tasks", "lead_touches", "leads", "message_templates", "notifications", "pipeline_stages", "roles"),
    *("rules", "steps", "suppressions", "task_templates", "task_views", "teams", "users", "web_forms"),
    "working_hours",
)
# Restricted through their parent, which is looked up by its key under its own policy.
OF_A_PARENT = {
    "assignment_turns": ("assignment_rules", "rule_id"),
    "import_rows": ("imports", "import_id"),
    "job_items": ("jobs", "job_id"),
    "password_links": ("users", "user_id"),
    "sign_ins": ("users", "user_id"),
}
GRANTED = {"audit_entries": ADDED_ONLY, "audit_seals": ADDED_ONLY, "audit_changes": "SELECT, INSERT, DELETE"}
LIVE = "deleted_at IS NULL"
WORDS = "to_tsvector('simple'::regconfig, (title || ' '::text) || COALESCE(description, ''::text))"
NAME_KEY = '"left"(lower(last_name), 3)'
# They return rows of the transaction's clinic only, and no rows without a clinic.
FINDERS = {
    "leads_tagged": ("leads", f"tags @> ARRAY[wanted] AND tags <> '{{}}' AND {LIVE}"),
    "tasks_tagged": ("lead_tasks", f"tags @> ARRAY[wanted] AND tags <> '{{}}' AND {LIVE}"),
    "tasks_saying": (
        "lead_tasks",
        f"{WORDS} @@ websearch_to_tsquery('simple'::regconfig, wanted) AND own_words AND {LIVE}",
    ),
}


def upgrade() -> None:
    _make_role()
    op.add_column("audit_changes", sa.Column("clinic_id", sa.Uuid(), nullable=True))
    for table in WITH_A_CLINIC:
        _keep_apart(table, f"clinic_id = {OURS}")
    for table, (parent, key) in OF_A_PARENT.items():
        _keep_apart(table, f"EXISTS (SELECT FROM {parent} parent WHERE parent.id = {table}.{key})")
    _keep_apart("clinics", f"id = {OURS}")
    # A new change is inserted with its entry by one statement, so the entry is not visible yet: changes have their own
    # clinic. Older changes have none, and are found through their entry.
    of_the_entry = "EXISTS (SELECT FROM audit_entries e WHERE e.number = audit_changes.entry)"
    _keep_apart(
        "audit_changes", f"clinic_id = {OURS} OR clinic_id IS NULL AND {of_the_entry}", check=f"clinic_id = {OURS}"
    )
    _index_what_is_compared()
    _index_open_tasks(postgresql_include=["clinic_id"])  # for index-only counts
    for name, (table, test) in FINDERS.items():
        _add_finder(name, table, test)


def downgrade() -> None:
    """Drop the policies. The role stays, because other databases of the cluster may use it."""
    for name in FINDERS:
        op.execute(f"DROP FUNCTION {name}")
    _index_open_tasks()
    op.drop_index("ix_leads_name", "leads")
    op.drop_index("ix_leads_value", "leads")
    op.drop_column("leads", "value_cents")
    op.drop_column("leads", "name_key")
    _index(name_by=sa.text(NAME_KEY), value_by="lead_value")
    for table in (*WITH_A_CLINIC, *OF_A_PARENT, "clinics", "audit_changes"):
        op.execute(f"DROP POLICY everything ON {table}")
        op.execute(f"DROP POLICY own_clinic ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        op.execute(f"REVOKE ALL ON {table} FROM {CLINIC}")
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {CLINIC}")
    op.drop_column("audit_changes", "clinic_id")


def _make_role() -> None:
    """Create the role. The application switches to it until the end of a transaction; it owns nothing."""
    op.execute(
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{CLINIC}')"
        f" THEN CREATE ROLE {CLINIC} NOLOGIN; END IF;"
        # An administrator may have created the role and its members before.
        f" IF NOT pg_has_role('{APP}', '{CLINIC}', 'MEMBER') THEN GRANT {CLINIC} TO {APP}; END IF; END $$"
    )
    # If one login is owner and application: since PostgreSQL 16 the creator of a role needs a grant to switch to it.
    # If they are two logins, and another user created the roles, no grant is needed.
    op.execute(
        f"DO $$ BEGIN IF current_setting('is_superuser') = 'off'"
        f" THEN GRANT {APP} TO CURRENT_USER; END IF; EXCEPTION WHEN insufficient_privilege THEN NULL; END $$"
    )
    op.execute(f"GRANT USAGE ON SCHEMA public TO {CLINIC}")


def _keep_apart(table: str, whose: str, *, check: str | None = None) -> None:
    op.execute(f"GRANT {GRANTED.get(table, EVERYTHING)} ON {table} TO {CLINIC}")
    op.execute(f"CREATE POLICY everything ON {table} TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {table} TO {CLINIC} USING ({whose}) WITH CHECK ({check or whose})")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def _index_what_is_compared() -> None:
    op.drop_index("ix_leads_name", "leads")
    op.drop_index("ix_leads_value", "leads")
    op.execute(
        "ALTER TABLE leads"  # both in one statement, because it rewrites the table
        f" ADD COLUMN name_key text GENERATED ALWAYS AS ({NAME_KEY}) STORED NOT NULL,"
        " ADD COLUMN value_cents bigint GENERATED ALWAYS AS ((lead_value * 100)::bigint) STORED"
    )
    _index(name_by="name_key", value_by="value_cents")


def _index(*, name_by: str | sa.TextClause, value_by: str) -> None:
    newest, live = sa.text("id DESC NULLS LAST"), sa.text(LIVE)
    op.create_index("ix_leads_name", "leads", ["clinic_id", name_by, newest], postgresql_where=live)
    valued = sa.text(f"{value_by} IS NOT NULL AND {LIVE}")
    op.create_index("ix_leads_value", "leads", ["clinic_id", value_by, "id"], postgresql_where=valued)


def _index_open_tasks(**options: list[str]) -> None:
    name, open_ones = "ix_lead_tasks_mine", sa.text("status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')")
    op.drop_index(name, "lead_tasks")
    op.create_index(name, "lead_tasks", ["assigned_to_id", "due_at", "id"], postgresql_where=open_ones, **options)


def _add_finder(name: str, table: str, test: str) -> None:
    found = f"SELECT id FROM public.{table} WHERE clinic_id = {OURS} AND {test} LIMIT most"  # noqa: S608  (written above)
    op.execute(
        f"CREATE FUNCTION {name}(wanted text, most integer) RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER"
        f" SET search_path = pg_catalog, public, pg_temp AS $$ {found} $$"
    )
    op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {APP}, {CLINIC}")
