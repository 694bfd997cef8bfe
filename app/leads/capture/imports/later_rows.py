"""Fields that later rows of a file have already written: a row that is retried does not replace them."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Final, TypeAlias
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.engine.jobs.items import Position
from app.engine.jobs.models import ItemStatus, JobItem
from app.leads.capture.imports.cells import parse_row
from app.leads.capture.imports.context import ImportContext
from app.leads.capture.imports.models import ImportRow
from app.leads.capture.imports.rows import decrypted_cells
from app.leads.enums import PatientRelationship
from app.leads.fields import CUSTOM_PREFIX
from app.leads.models import Lead

LaterFields: TypeAlias = Mapping[UUID, Mapping[Position, Collection[str]]]  # names of fields by lead and row

_NAMES: Final = ("first_name", "last_name")


def fields_of_later_rows(
    session: Session, context: ImportContext, first: Position, leads: Collection[UUID]
) -> LaterFields:
    """Return the fields that the job has written to these leads from rows after position `first`."""
    written = (
        select(JobItem.lead_id, ImportRow.position, ImportRow.cells_sealed)
        .join(ImportRow, (ImportRow.import_id == context.spec.import_id) & (ImportRow.position == JobItem.position))
        .where(JobItem.job_id == context.job_id, JobItem.position > first, JobItem.status == ItemStatus.DONE)
        .where(JobItem.lead_id.in_(leads))
    )
    found: dict[UUID, dict[Position, Collection[str]]] = defaultdict(dict)
    for row in session.execute(written):
        cells = zip(context.fields, decrypted_cells(context.spec.import_id, row), strict=False)
        values, _ = parse_row({field: cell for field, cell in cells if field}, context.cells)
        found[row.lead_id][row.position] = {*values, *(f"{CUSTOM_PREFIX}{key}" for key in values.get("custom", ()))}
    return found


def without_later_fields(lead: Lead, changes: JsonDict, place: Position, later: LaterFields) -> JsonDict:
    """Return the changes of a row without the fields that later rows have written."""
    written = {name for position, names in later.get(lead.id, {}).items() if position > place for name in names}
    if not written:
        return changes
    kept = {name: value for name, value in changes.items() if name == "custom" or name not in written}
    if "custom" in kept:
        kept["custom"] = {key: value for key, value in kept["custom"].items() if f"{CUSTOM_PREFIX}{key}" not in written}
    return _with_patient_names(lead, kept, written)


def _with_patient_names(lead: Lead, changes: JsonDict, written: Collection[str]) -> JsonDict:
    """Keep the patient's names that a later row has written, in their own columns or as names of the contact."""
    is_patient = lead.patient_relationship == PatientRelationship.SELF
    of_later = [name for name in _NAMES if f"patient_{name}" in written or (is_patient and name in written)]
    return {**changes, **{f"patient_{name}": getattr(lead, f"patient_{name}") for name in of_later}}
