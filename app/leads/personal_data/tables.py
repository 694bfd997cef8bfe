"""Declarations of all tables, and the SQL of exports and erasures that follows from them.

A test fails for a column that is not declared, and for a declared column that is gone.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from app.leads.fields import Merged
from app.leads.personal_data.clinic import CLINIC
from app.leads.personal_data.columns import LEAD_IDS_SQL, Erased, Rows, Table
from app.leads.personal_data.leads import LEADS
from app.leads.personal_data.messages import MESSAGES
from app.leads.personal_data.work import WORK

TABLES: Final[Mapping[str, Table]] = {"leads": LEADS, **WORK, **MESSAGES, **CLINIC}

# Tables with rows of one person.
PERSONAL_TABLES: Final[Mapping[str, Table]] = {name: table for name, table in TABLES.items() if table.rows}


def merged_as(merged: Merged) -> tuple[str, ...]:
    """Return the columns and encrypted fields of leads that a merge handles in this way."""
    return tuple(name for name, column in LEADS.columns.items() if column.merged is merged)


def tables_merged_as(merged: Rows) -> tuple[str, ...]:
    """Return the tables whose rows a merge handles in this way."""
    return tuple(name for name, table in PERSONAL_TABLES.items() if table.merged is merged)


def exported_columns(table: str) -> frozenset[str]:
    """Return the columns and encrypted fields of a table that an export contains."""
    columns = PERSONAL_TABLES[table].columns.items()
    return frozenset(name for name, column in columns if column.is_exported)


def erasure_of(table: str, *, stored: frozenset[str]) -> str:
    """Return the statement that erases the person's rows of a table. `stored` holds the columns of the database.

    Encrypted fields have no columns of their own: they are erased with `sealed`.
    """
    declared = PERSONAL_TABLES[table]
    if declared.is_deleted:
        return f"DELETE FROM {table} AS t WHERE {declared.rows}"  # noqa: S608  (constants)
    blanks = {name: column.value for name, column in declared.columns.items() if column.erased is Erased.REPLACED}
    if any(name not in stored for name in blanks):
        blanks = {name: value for name, value in blanks.items() if name in stored} | {"sealed": "NULL"}
    values = ", ".join(f"{name} = {value}" for name, value in blanks.items())
    return f"UPDATE {table} AS t SET {values} WHERE {declared.rows}" if values else ""  # noqa: S608  (constants)


# Ids of everything that audit log entries may refer to.
ERASED_IDS_SQL: Final = " UNION ALL ".join(
    (
        LEAD_IDS_SQL,
        *(
            f"SELECT id FROM {table} WHERE lead_id IN ({LEAD_IDS_SQL})"  # noqa: S608  (constants)
            for table in (
                *("lead_tasks", "lead_activities", "notifications", "inbound_emails", "inbound_texts", "consents"),
                *("enrollments", "lead_touches", "events", "next_action_answers"),
            )
        ),
    )
)
# The audit log keeps actor, action and ids; the old and new values are deleted.
ERASE_AUDITED_VALUES: Final = """
DELETE FROM audit_changes c USING audit_entries e
WHERE e.number = c.entry AND e.clinic_id = :clinic AND e.ids && CAST(:ids AS uuid[])
"""
# The idempotency record stays, or a repeated request would create the person again. Its response is erased; so is one
# that names no row, because it may name the person.
ERASE_RESPONSES: Final = f"""
UPDATE kept_answers k SET body = NULL, headers = '{{}}', shown = '{{}}', allowed = '' WHERE k.clinic_id = :clinic AND (
  k.shown IS NULL OR k.shown = '{{}}' OR k.shown ? 'import'
  OR EXISTS (SELECT FROM ({LEAD_IDS_SQL}) AS l WHERE strpos(k.path, l.id::text) > 0)
  OR EXISTS (SELECT FROM jsonb_each(k.shown) AS s WHERE s.value ?| CAST(:ids AS text[]))
)
"""  # noqa: S608  (constants)


def children_first() -> Iterator[str]:
    """Yield the tables with rows of one person in the order of an erasure: `leads` and messages last.

    Rows of other tables are found by them. A trigger on `leads` writes `lead_search`.
    """
    last = ("job_items", "inbound_emails", "notifications", "leads", "lead_search")
    yield from (name for name in PERSONAL_TABLES if name not in last)
    yield from last
