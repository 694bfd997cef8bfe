"""The roles of the database with their privileges and policies: what the application needs, and what is missing.

Migrations make them. A restored dump may lack them, because roles do not belong to a database. `app.ops.stack.access`
repairs them at every start.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from app.core.database.row_security import ROLE as CLINIC_ROLE
from app.core.db import APP_ROLE, AnyRow, to_json

ALL: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
# Tables without all privileges. No role may change the audit log or a published text.
PRIVILEGES: Final[Mapping[str, tuple[str, ...]]] = {
    "alembic_version": ("SELECT",),
    "audit_changes": ("SELECT", "INSERT", "DELETE"),
    "audit_entries": ("SELECT", "INSERT"),
    "audit_seals": ("SELECT", "INSERT"),
    "key_checks": ("SELECT", "INSERT", "UPDATE"),
    "message_template_versions": ("SELECT", "INSERT", "DELETE"),
}
# Tables of no clinic: `relance_clinic` cannot write them, and they have no policies.
OF_NO_CLINIC: Final = frozenset(
    {"alembic_version", "channel_outages", "counters", "holds", "key_checks", "rate_counters", "sweep_runs"}
)
READABLE: Final = frozenset({"holds", "sweep_runs"})  # those of them that `relance_clinic` may read
# Tables without a clinic's id: parent table, and the column with the parent's id.
PARENTS: Final[Mapping[str, tuple[str, str]]] = {
    "assignment_turns": ("assignment_rules", "rule_id"),
    "gateway_minutes": ("gateways", "gateway_id"),
    "gateway_receipts": ("gateways", "gateway_id"),
    "import_row_keys": ("imports", "import_id"),
    "import_rows": ("imports", "import_id"),
    "job_items": ("jobs", "job_id"),
    "password_links": ("users", "user_id"),
    "sending_account_counts": ("sending_accounts", "account_id"),
    "sign_ins": ("users", "user_id"),
}
FUNCTIONS: Final = (
    *("folded_name", "leads_named", "tasks_saying"),  # for processes of the last version, during an upgrade
    *("name_sound", "name_start", "name_end", "leads_alike"),
    *("leads_tagged", "leads_with_keys", "notes_with_keys", "tasks_tagged", "tasks_with_words"),
    *("messages_with_keys", "clinic_outages", "end_sender_outage"),
)
POLICIES: Final = ("everything", "own_clinic")

_OURS: Final = "nullif(current_setting('relance.clinic', true), '')::uuid"
_OF_THE_ENTRY: Final = "EXISTS (SELECT FROM audit_entries e WHERE e.number = audit_changes.entry)"


class Grant(NamedTuple):
    """A privilege that a role needs on a table."""

    role: str
    name: str  # of the table
    privilege: str


def grants(tables: Collection[str]) -> list[Grant]:
    """Return the privileges that the roles need on these tables and on `alembic_version`."""
    return [
        Grant(role, table, privilege)
        for table in sorted({*tables, "alembic_version"})
        for role in ((APP_ROLE,) if table in OF_NO_CLINIC else (APP_ROLE, CLINIC_ROLE))
        for privilege in PRIVILEGES.get(table, ALL)
    ] + [Grant(CLINIC_ROLE, table, "SELECT") for table in sorted(READABLE & {*tables})]


def policy(table: str, name: str) -> str:
    """Return the SQL that creates a policy of a table."""
    if name == "everything":
        return f"CREATE POLICY everything ON {table} TO {APP_ROLE} USING (true)"
    rows, check = _own_rows(table)
    return f"CREATE POLICY own_clinic ON {table} TO {CLINIC_ROLE} USING ({rows}) WITH CHECK ({check})"


def _own_rows(table: str) -> tuple[str, str]:
    """Return the conditions for a clinic's own rows: those that it reads, and those that it writes."""
    own = f"{'id' if table == 'clinics' else 'clinic_id'} = {_OURS}"
    if table in PARENTS:
        parent, key = PARENTS[table]
        own = f"EXISTS (SELECT FROM {parent} parent WHERE parent.id = {table}.{key})"
    return (f"{own} OR clinic_id IS NULL AND {_OF_THE_ENTRY}" if table == "audit_changes" else own), own


def access_problems(connection: Connection, tables: Collection[str], *, login: str | None = None) -> list[str]:
    """Return what is missing, in words: roles, memberships, privileges, policies.

    `login` is the application's login; None: the login of this connection. Tables that do not exist are ignored.
    """
    if missing := missing_roles(connection):
        return [f"the role {role} is missing" for role in missing]
    return [
        *(f"{member} is not a member of {role}" for member, role in missing_memberships(connection, login)),
        *(f"{role} lacks {what}" for role, what in _missing_privileges(connection, tables)),
        *(f"the table {table} lacks the policy {name}" for table, name in missing_policies(connection, tables)),
        *(f"row-level security is off for the table {table}" for table in open_tables(connection, tables)),
    ]


def missing_roles(connection: Connection) -> list[str]:
    """Return those of the two roles that do not exist."""
    known = set(connection.scalars(_ROLES, {"roles": [APP_ROLE, CLINIC_ROLE]}))
    return [role for role in (APP_ROLE, CLINIC_ROLE) if role not in known]


def missing_memberships(connection: Connection, login: str | None = None) -> list[tuple[str, str]]:
    """Return the missing memberships as (member, role). Both roles must exist. A login that is missing has none."""
    found: AnyRow = connection.execute(_MEMBERS, {"login": login, "app": APP_ROLE, "clinic": CLINIC_ROLE}).one()
    pairs = ((found.is_member, found.login, APP_ROLE), (found.is_parent_member, APP_ROLE, CLINIC_ROLE))
    return [(member, role) for is_member, member, role in pairs if is_member is False]


def missing_grants(connection: Connection, tables: Collection[str]) -> list[Grant]:
    """Return the privileges on tables that are missing. Both roles must exist."""
    wanted = [grant._asdict() for grant in grants(tables)]
    return [Grant(*row) for row in connection.execute(_GRANTS, {"wanted": to_json(wanted)})]


def missing_policies(connection: Connection, tables: Collection[str]) -> list[tuple[str, str]]:
    """Return the missing policies as (table, name)."""
    wanted = [{"name": table, "policy": name} for table in _of_clinics(tables) for name in POLICIES]
    return [(row.name, row.policy) for row in connection.execute(_POLICIES, {"wanted": to_json(wanted)})]


def open_tables(connection: Connection, tables: Collection[str]) -> list[str]:
    """Return the tables of clinics without row-level security."""
    return list(connection.scalars(_OPEN, {"names": _of_clinics(tables)}))


def missing_executes(connection: Connection) -> list[tuple[str, str]]:
    """Return the functions that a role may not call, as (role, function)."""
    given = {"roles": [APP_ROLE, CLINIC_ROLE], "names": list(FUNCTIONS)}
    return [(row.role, row.name) for row in connection.execute(_EXECUTES, given)]


def missing_usages(connection: Connection) -> list[str]:
    """Return the roles that may not use the schema."""
    return list(connection.scalars(_USAGES, {"roles": [APP_ROLE, CLINIC_ROLE]}))


def _missing_privileges(connection: Connection, tables: Collection[str]) -> Iterator[tuple[str, str]]:
    by_role: dict[str, list[Grant]] = {}
    for grant in missing_grants(connection, tables):
        by_role.setdefault(grant.role, []).append(grant)
    for role, found in by_role.items():
        first, others = found[0], len({grant.name for grant in found}) - 1
        yield role, f"{first.privilege} on {first.name}" + (f" and grants on {others} more tables" if others else "")
    yield from ((role, f"EXECUTE on {name}") for role, name in missing_executes(connection))
    yield from ((role, "USAGE on the schema public") for role in missing_usages(connection))


def _of_clinics(tables: Collection[str]) -> list[str]:
    return sorted({*tables} - OF_NO_CLINIC)


_ROLES: Final = text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:roles)")
_MEMBERS: Final = text(
    "SELECT r.rolname AS login, pg_has_role(r.oid, :app, 'MEMBER') AS is_member,"
    " pg_has_role(:app, :clinic, 'MEMBER') AS is_parent_member"
    " FROM (SELECT coalesce(CAST(:login AS name), session_user) AS login) AS given"
    " LEFT JOIN pg_roles r ON r.rolname = given.login"
)
_WANTED: Final = "json_to_recordset(CAST(:wanted AS json))"
_TABLE: Final = "JOIN pg_class c ON c.relname = w.name AND c.relnamespace = 'public'::regnamespace"
# The role's own grants: `relance_app` would inherit those of `relance_clinic`.
_GRANTS: Final = text(
    f"SELECT w.role, w.name, w.privilege FROM {_WANTED} AS w(role text, name text, privilege text) {_TABLE}"  # noqa: S608
    " WHERE NOT EXISTS (SELECT FROM aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee"
    " WHERE r.rolname = w.role AND a.privilege_type = w.privilege)"
)
_POLICIES: Final = text(
    f"SELECT w.name, w.policy FROM {_WANTED} AS w(name text, policy text) {_TABLE}"  # noqa: S608
    " WHERE NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = w.policy)"
)
_OPEN: Final = text(
    f"SELECT w.name FROM unnest(CAST(:names AS text[])) AS w(name) {_TABLE} WHERE NOT c.relrowsecurity"  # noqa: S608
)
_EXECUTES: Final = text(
    "SELECT r.role, p.proname AS name FROM unnest(CAST(:roles AS text[])) AS r(role)"
    " JOIN pg_proc p ON p.proname = ANY(:names) AND p.pronamespace = 'public'::regnamespace"
    " WHERE NOT has_function_privilege(r.role, p.oid, 'EXECUTE')"
)
_USAGES: Final = text(
    "SELECT role FROM unnest(CAST(:roles AS text[])) AS r(role) WHERE NOT has_schema_privilege(role, 'public', 'USAGE')"
)
