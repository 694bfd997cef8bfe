"""Everything that is known of a person, and how it is forgotten (GDPR, articles 15, 17 and 20).

What is to be said of a table is said here once; a test fails when a table about people is not among them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.db import model_of
from app.leads.privacy.tables import ABOUT_A_LEAD, FORGET_STATEMENTS, LEADS, NAMED
from app.security.encrypted_fields import BLIND, open_fields

_OF_TABLE: Final = f"SELECT to_jsonb(t) FROM {{table}} AS t WHERE {{key}} IN ({LEADS}) ORDER BY 1"  # noqa: S608  (names of ours)
_SEEN_BY: Final = text(f"""
SELECT jsonb_build_object('at', at, 'user_id', user_id, 'api_key_id', api_key_id, 'operation', operation,
  'act', act, 'subject', subject, 'fields', fields)
FROM audit_entries WHERE clinic_id = :clinic AND ids && ARRAY({LEADS}) ORDER BY number
""")  # noqa: S608  (as above)


def export_person(session: Session, clinic_id: UUID, lead_id: UUID) -> Mapping[str, Any]:
    """Rows by table, opened, and who saw or changed them. The lead is known to be the clinic's."""
    given = {"lead": lead_id}
    rows = {
        table: [_opened(table, row) for row in session.scalars(text(_OF_TABLE.format(table=table, key=key)), given)]
        for table, key in ABOUT_A_LEAD.items()
    }
    seen = list(session.scalars(_SEEN_BY, {"clinic": clinic_id, "lead": lead_id}))
    return {**rows, "audit_entries": seen}


def _opened(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """As the person may read it: what is sealed field by field, and nothing of how it is looked for."""
    shown = {name: value for name, value in row.items() if not name.endswith(BLIND)}
    if sealed := shown.pop("sealed", None):
        shown |= open_fields(model_of(table), row["id"], bytes.fromhex(sealed.removeprefix("\\x")))
    return shown


def forget_person(session: Session, clinic_id: UUID, lead_id: UUID) -> Sequence[UUID]:
    """Blank or delete whatever tells of the person; ids, times and kinds stay, for counts and for the record.

    Returns the ids of what the record no longer knows the values of, the lead's own first.
    """
    ids = list(session.scalars(text(NAMED), {"lead": lead_id}))
    given = {"clinic": clinic_id, "lead": lead_id, "ids": ids}
    for statement in FORGET_STATEMENTS:
        session.execute(text(statement), {name: given[name] for name in given if f":{name}" in statement})
    return ids
