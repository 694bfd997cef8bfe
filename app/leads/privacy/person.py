"""Export and erasure of personal data (GDPR, articles 15, 17 and 20), as `app.leads.personal_data` declares them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.db import model_of
from app.core.type_aliases import ColumnValues, JsonDict, JsonObject
from app.leads.capture.imports.rows import decrypted_cells
from app.leads.personal_data.columns import LEAD_IDS_SQL
from app.leads.personal_data.tables import (
    ERASE_AUDITED_VALUES,
    ERASE_RESPONSES,
    ERASED_IDS_SQL,
    PERSONAL_TABLES,
    children_first,
    erasure_of,
    exported_columns,
)
from app.leads.privacy.unlinked import erase_unlinked_rows
from app.security.encrypted_fields import decrypt_fields, encrypted_fields_of

_AUDIT_LOG: Final = text(f"""
SELECT jsonb_build_object('at', at, 'user_id', user_id, 'api_key_id', api_key_id, 'operation', operation,
  'act', act, 'subject', subject, 'fields', fields)
FROM audit_entries WHERE clinic_id = :clinic AND ids && ARRAY({LEAD_IDS_SQL}) ORDER BY number
""")  # noqa: S608  (constants)


def export_person(session: Session, clinic_id: UUID, lead_id: UUID) -> JsonObject:
    """Return the decrypted rows by table, with audit log entries. The caller has checked the lead's clinic."""
    given = {"lead": lead_id}
    rows = {name: [_exported(name, row) for row in session.scalars(_rows_of(name), given)] for name in PERSONAL_TABLES}
    entries = list(session.scalars(_AUDIT_LOG, {"clinic": clinic_id, "lead": lead_id}))
    return {**rows, "audit_entries": entries}


@cache
def _rows_of(table: str) -> Any:
    return text(f"SELECT to_jsonb(t) FROM {table} AS t WHERE {PERSONAL_TABLES[table].rows} ORDER BY 1")  # noqa: S608


def _exported(table: str, row: ColumnValues) -> JsonDict:
    """Return the declared columns of a row, with its decrypted fields."""
    fields: JsonDict = dict(row)
    if table in _DECRYPTED:
        fields |= _DECRYPTED[table](fields)
    elif encrypted_fields_of(model := model_of(table)):
        fields |= decrypt_fields(model, row["id"], _bytes(row["sealed"]))
    return {name: fields[name] for name in fields if name in exported_columns(table)}


def _cells(row: ColumnValues) -> JsonDict:
    import_row = {"position": row["position"], "cells_sealed": _bytes(row["cells_sealed"])}
    return {"cells_sealed": decrypted_cells(UUID(row["import_id"]), _Row(import_row))}


class _Row:
    def __init__(self, values: ColumnValues) -> None:
        self.__dict__.update(values)


_DECRYPTED: Final[Mapping[str, Callable[[ColumnValues], JsonDict]]] = {"import_rows": _cells}


def _bytes(stored: str | None) -> bytes | None:
    return None if stored is None else bytes.fromhex(stored.removeprefix("\\x"))


def erase_person(session: Session, clinic_id: UUID, lead_id: UUID) -> Sequence[UUID]:
    """Blank or delete the person's data, as declared. Ids, times and codes stay, for statistics and the audit log.

    Returns the ids of the erased rows, the lead's own first. The audit log no longer has their values.
    """
    ids = list(session.scalars(text(ERASED_IDS_SQL), {"lead": lead_id}))
    ids += erase_unlinked_rows(session, clinic_id, lead_id)
    given = {"clinic": clinic_id, "lead": lead_id, "ids": ids}
    for statement in (ERASE_AUDITED_VALUES, ERASE_RESPONSES, *map(_erasure, children_first())):
        if statement:
            session.execute(text(statement), {name: given[name] for name in given if f":{name}" in statement})
    return ids


@cache
def _erasure(table: str) -> str:
    return erasure_of(table, stored=frozenset(model_of(table).__table__.columns.keys()))
