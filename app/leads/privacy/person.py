"""Export and erasure of personal data (GDPR, articles 15, 17 and 20).

`tables.py` lists the tables. A test fails if a table with personal data is not in it.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.db import model_of
from app.core.type_aliases import ColumnValues, JsonDict, JsonObject
from app.leads.privacy.tables import ERASE_STATEMENTS, ERASED_IDS_SQL, LEAD_IDS_SQL, PERSONAL_DATA_TABLES
from app.security.encrypted_fields import BLIND_INDEX_SUFFIX, decrypt_fields

_OF_TABLE: Final = f"SELECT to_jsonb(t) FROM {{table}} AS t WHERE {{key}} IN ({LEAD_IDS_SQL}) ORDER BY 1"  # noqa: S608  (constants)
_AUDIT_LOG: Final = text(f"""
SELECT jsonb_build_object('at', at, 'user_id', user_id, 'api_key_id', api_key_id, 'operation', operation,
  'act', act, 'subject', subject, 'fields', fields)
FROM audit_entries WHERE clinic_id = :clinic AND ids && ARRAY({LEAD_IDS_SQL}) ORDER BY number
""")  # noqa: S608  (constants)


def export_person(session: Session, clinic_id: UUID, lead_id: UUID) -> JsonObject:
    """Return the decrypted rows by table, with audit log entries. The caller has checked the lead's clinic."""
    given = {"lead": lead_id}
    rows = {
        table: [_decrypted(table, row) for row in session.scalars(text(_OF_TABLE.format(table=table, key=key)), given)]
        for table, key in PERSONAL_DATA_TABLES.items()
    }
    entries = list(session.scalars(_AUDIT_LOG, {"clinic": clinic_id, "lead": lead_id}))
    return {**rows, "audit_entries": entries}


def _decrypted(table: str, row: ColumnValues) -> JsonDict:
    """Decrypt the row's fields, and remove blind indexes."""
    fields = {name: value for name, value in row.items() if not name.endswith(BLIND_INDEX_SUFFIX)}
    if sealed := fields.pop("sealed", None):
        fields |= decrypt_fields(model_of(table), row["id"], bytes.fromhex(sealed.removeprefix("\\x")))
    return fields


def erase_person(session: Session, clinic_id: UUID, lead_id: UUID) -> Sequence[UUID]:
    """Blank or delete the person's data. Ids, times and types stay, for statistics and the audit log.

    Returns the ids of the erased rows, the lead's own first. The audit log no longer has their values.
    """
    ids = list(session.scalars(text(ERASED_IDS_SQL), {"lead": lead_id}))
    given = {"clinic": clinic_id, "lead": lead_id, "ids": ids}
    for statement in ERASE_STATEMENTS:
        session.execute(text(statement), {name: given[name] for name in given if f":{name}" in statement})
    return ids
