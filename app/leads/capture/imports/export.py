"""Export leads as a file, with the columns that an import reads."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import IO, Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.files.csv_cells import escape_apostrophe
from app.core.files.exports import BATCH_SIZE, FileFormat, require_row_limit, write_file
from app.core.type_aliases import JsonObject
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.permissions import Permission
from app.leads.attribution.models import LeadSource
from app.leads.capture.imports.cells import OF_NEW_LEADS
from app.leads.capture.imports.value_lists import join_values
from app.leads.custom_fields.models import CustomField
from app.leads.fields import CUSTOM_PREFIX, IMPORTED, PRIVATE
from app.leads.models import Lead
from app.leads.search.listing import as_listed
from app.security.encrypted_fields import decrypt_rows, encrypted_fields_of

# An import leaves these out, because it creates new leads.
_STATE: Final = (
    *("id", "status", "pipeline_stage", "created_at", "contacted_at", "replied_at", "converted_at", "lost_at"),
    *("lost_reason", "converted_to_patient_id", "external_source", "external_id"),
)
_IMPORTED: Final = tuple(name for name in IMPORTED if name not in {"full_name", *OF_NEW_LEADS})
# Set for a lead whose encrypted fields, such as its phone number, cannot be decrypted. Imports do not read the column.
_ERROR, _UNREADABLE = "export_error", "The encrypted fields of this lead cannot be decrypted."


def export_leads(session: Session, actor: Actor, query: JsonObject) -> IO[bytes]:
    """Return a file with the leads that match the filters, positioned at its start.

    `query` has the fields of LeadTests and LeadHistoryTests, `sort` and `format`. Private fields are empty for an actor
    without `lead:private`. Raises Invalid, TooMuchToExport.
    """
    custom = session.scalars(
        select(CustomField.key).where(CustomField.clinic_id == actor.clinic.id).order_by(CustomField.key)
    ).all()
    headings = [*_STATE, *_IMPORTED, *(f"{CUSTOM_PREFIX}{key}" for key in custom), _ERROR]
    rows = _rows(session, actor, query, custom)
    if query["format"] is FileFormat.XLSX:  # writes no formulas, so its cells have no apostrophe of their own
        rows = ([escape_apostrophe(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return write_file(query["format"], chain([headings], rows))


def _rows(session: Session, actor: Actor, query: JsonObject, custom: Sequence[str]) -> Iterator[Sequence[object]]:
    columns = select(Lead.__table__, LeadSource.name.label("source"), User.email.label("assigned_to"))
    named = columns.join(LeadSource, LeadSource.id == Lead.source_id).outerjoin(User, User.id == Lead.assigned_to_id)
    leads = as_listed(session, actor, query, named)
    require_row_limit(session, leads.with_only_columns(Lead.id))
    shown = [name for name in _IMPORTED if actor.allows(Permission.LEAD_PRIVATE) or name not in PRIVATE]
    found = session.execute(leads.execution_options(yield_per=BATCH_SIZE))
    for rows in found.partitions(BATCH_SIZE):
        audit_log.note_read(session, "lead", [row.id for row in rows])
        for row, lead in zip(rows, decrypt_rows(Lead, rows), strict=True):
            error = _UNREADABLE if row.sealed is not None and _has_no_encrypted_value(lead) else None
            yield [*_cells(vars(lead), shown, custom), error]


def _has_no_encrypted_value(lead: Any) -> bool:
    return all(getattr(lead, name) is None for name in encrypted_fields_of(Lead))


def _cells(lead: dict[str, Any], shown: Sequence[str], custom: Sequence[str]) -> Sequence[object]:
    values = {**lead, "tags": join_values(lead["tags"])}
    fields = [values[name] if name in shown else None for name in _IMPORTED]
    return [*(lead[name] for name in _STATE), *fields, *(_plain(lead["custom"].get(key)) for key in custom)]


def _plain(value: object) -> object:
    """Return a number without an exponent, which imports do not read."""
    return f"{Decimal(repr(value)):f}" if isinstance(value, float) else value
