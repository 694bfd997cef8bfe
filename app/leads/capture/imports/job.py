"""Import job: process the rows of a chunk in the transaction of its step.

Workers read the rows of several chunks at the same time. From the lookup of known leads to the commit, chunks of one
clinic run one at a time, so no phone number becomes two leads. Chunks of a file run in its order while all workers run:
a chunk whose worker dies, or begins late, comes after later ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.jobs.items import ItemResults, Position, lock_pending, write_results
from app.engine.jobs.kinds import JobKind, JobRow, ProcessSpan
from app.engine.jobs.models import ItemReason
from app.engine.jobs.split import CHUNK_SIZE, Span
from app.engine.service import record
from app.errors import Invalid, RelanceError
from app.identity.clinic_context import ClinicContext
from app.identity.users.lookup import active_users
from app.leads.attribution.models import LeadSource
from app.leads.capture.bulk.new_leads import CaptureContext, NewLead, insert_leads, load_capture_context, read_new_leads
from app.leads.capture.imports.cells import CellContext, parse_row
from app.leads.capture.imports.known_leads import BLIND_INDEXES, newest_leads
from app.leads.capture.imports.models import Import, ImportRow
from app.leads.capture.imports.rows import decrypted_cells
from app.leads.capture.imports.spec import JOB_MARKER, ImportSpec
from app.leads.capture.lead_validation import read_lead_changes
from app.leads.changes import apply_changes
from app.leads.enums import OnDuplicate
from app.leads.events import lead_created
from app.leads.models import Lead
from app.leads.search.lookup import require_unlocked

_NOT_CHANGED: Final = frozenset({"source_id", "assigned_to_id"})  # not updated by an import on an existing lead
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtext('import'), hashtext(CAST(:clinic AS text)))")

# A chunk holds its own number until its commit. Before it looks for leads, it waits for the chunk before it, which has
# waited for earlier ones.
_HOLD_NUMBER: Final = text("SELECT pg_advisory_xact_lock(hashtext(CAST(:job AS text)), :number)")
_WAIT_FOR_EARLIER: Final = text("SELECT pg_advisory_xact_lock_shared(hashtext(CAST(:job AS text)), :number - 1)")


@dataclass(frozen=True, slots=True)
class ImportContext:
    """Data that all chunks of an import share."""

    job_id: UUID
    spec: ImportSpec
    capture: CaptureContext
    fields: Sequence[str | None]  # of each column
    cells: CellContext


@dataclass(frozen=True, slots=True)
class ReadRow:
    """Valid row: its values, and the lead to create from it."""

    values: JsonObject
    new_lead: NewLead

    @property
    def blind_indexes(self) -> frozenset[bytes]:
        """The blind indexes of its phone numbers and address."""
        return frozenset(filter(None, map(self.new_lead.row.get, BLIND_INDEXES)))


def work_on(session: Session, job: JobRow, clinic: ClinicContext) -> ProcessSpan:
    """Load the data shared by all chunks; return the function that processes one chunk."""
    spec = ImportSpec.from_json(job.spec)
    capture = load_capture_context(
        session, clinic, active_users(session, clinic.id), by=job.created_by, may_assign=spec.may_assign
    )
    columns = session.scalar(select(Import.columns).where(Import.id == spec.import_id)) or []
    fields = [spec.mapping.get(column) for column in columns]
    return partial(
        _import_rows, context=ImportContext(job.id, spec, capture, fields, _cell_context(session, capture, spec))
    )


def _import_rows(session: Session, span: Span, *, context: ImportContext) -> ItemResults:
    ends, writes = ItemResults(), not context.spec.is_rehearsal
    chunk = {"job": context.job_id, "number": span.first // CHUNK_SIZE}
    if writes:
        session.execute(_HOLD_NUMBER, chunk)
    rows = _read(session, context, span, ends)
    if writes:
        session.execute(_WAIT_FOR_EARLIER, chunk)
        session.execute(_ONE_AT_A_TIME, {"clinic": context.capture.actor.clinic.id})
    new = _handle_existing(session, context, rows, ends)
    if writes:
        _create(session, context, {place: rows[place] for place in new}, ends)
    else:
        for place in new:
            ends.succeed(place)
    write_results(session, context.job_id, ends)
    return ends


def _read(session: Session, context: ImportContext, span: Span, ends: ItemResults) -> dict[Position, ReadRow]:
    """Return the valid pending rows by position. Invalid rows are marked as failed in `ends`."""
    pending = {item.position for item in lock_pending(session, context.job_id, span)}
    wanted = select(ImportRow.position, ImportRow.cells_sealed).where(
        ImportRow.import_id == context.spec.import_id, ImportRow.position.between(span.first, span.last)
    )
    values: dict[Position, JsonDict] = {}
    for row in session.execute(wanted.order_by(ImportRow.position)):
        if row.position not in pending:
            continue
        cells_of_row = decrypted_cells(context.spec.import_id, row)
        cells = {field: cell for field, cell in zip(context.fields, cells_of_row, strict=False) if field}
        lead, mistakes = parse_row(cells, context.cells)
        if mistakes:
            ends.fail(row.position, ItemReason.INVALID, _in_columns(context, mistakes))
        else:
            values[row.position] = lead
    new_leads, refused = read_new_leads(values.items(), context.capture, at=now())
    for place, message in refused.items():
        ends.fail(place, ItemReason.INVALID, _with_columns(context, message))
    return {place: ReadRow(values[place], new) for place, new in new_leads.items()}


def _handle_existing(
    session: Session, context: ImportContext, rows: Mapping[Position, ReadRow], ends: ItemResults
) -> list[Position]:
    """Skip or update rows of existing leads, as `on_duplicate` says. Return the positions of new leads."""
    if context.spec.on_duplicate is OnDuplicate.CREATE:
        return list(rows)
    known = newest_leads(session, context.capture.actor.clinic.id, (row.new_lead.row for row in rows.values()))
    new: list[Position] = []
    seen: set[bytes] = set()
    updates: dict[Position, UUID] = {}
    for place, row in rows.items():
        ways = row.blind_indexes
        lead_id = next((known[way] for way in ways if way in known), None)
        if lead_id and context.spec.on_duplicate is OnDuplicate.UPDATE:
            updates[place] = lead_id
        elif lead_id:
            ends.succeed(place, lead_id=lead_id, reason=ItemReason.SKIPPED)
        elif ways & seen:
            _repeat(context, place, ends)
        else:
            new.append(place)
            seen |= ways
    _update(session, context, {place: (lead_id, rows[place]) for place, lead_id in updates.items()}, ends)
    return new


def _repeat(context: ImportContext, place: Position, ends: ItemResults) -> None:
    """Handle a duplicate of an earlier row of this chunk: retry it after that row has become a lead."""
    if not context.spec.is_rehearsal:
        ends.left.append(place)
        return
    updates = context.spec.on_duplicate is OnDuplicate.UPDATE
    ends.succeed(place, reason=ItemReason.UPDATED if updates else ItemReason.SKIPPED)


def _update(
    session: Session, context: ImportContext, wanted: Mapping[Position, tuple[UUID, ReadRow]], ends: ItemResults
) -> None:
    locked = select(Lead).where(Lead.id.in_([lead_id for lead_id, _ in wanted.values()])).order_by(Lead.id)
    free = locked.with_for_update(skip_locked=True, key_share=True).execution_options(populate_existing=True)
    leads = {lead.id: lead for lead in session.scalars(free)} if wanted else {}
    for place, (lead_id, row) in wanted.items():
        if lead_id not in leads:
            ends.left.append(place)
            continue
        try:
            _change(session, context, leads[lead_id], row.values)
        except RelanceError as refusal:
            ends.fail(place, ItemReason.INVALID, _error_text(refusal))
        else:
            ends.succeed(place, lead_id=lead_id, reason=ItemReason.UPDATED)


def _change(session: Session, context: ImportContext, lead: Lead, values: JsonObject) -> None:
    require_unlocked(lead)
    changes = read_lead_changes({name: value for name, value in values.items() if name not in _NOT_CHANGED})
    if not context.spec.is_rehearsal:
        events = apply_changes(session, context.capture.actor, lead, changes)
        if context.spec.runs_rules:
            record(session, context.capture.actor.clinic, *events)


def _create(session: Session, context: ImportContext, rows: Mapping[Position, ReadRow], ends: ItemResults) -> None:
    at, clinic = now(), context.capture.actor.clinic
    insert_leads(session, context.capture, [row.new_lead for row in rows.values()], at=at)
    for place, row in rows.items():
        ends.succeed(place, lead_id=row.new_lead.lead["id"])
    if context.spec.runs_rules:
        record(session, clinic, *(lead_created(row.new_lead.to_object(), at) for row in rows.values()))


def _cell_context(session: Session, capture: CaptureContext, spec: ImportSpec) -> CellContext:
    """Load sources by name, and users by name and by e-mail address, in lower case."""
    clinic_id = capture.actor.clinic.id
    sources = select(func.lower(LeadSource.name).label("name"), LeadSource.id).where(
        LeadSource.clinic_id == clinic_id, LeadSource.is_active
    )
    users = active_users(session, clinic_id).values()
    people = {name.lower(): user.id for user in users for name in (user.name, user.email)}
    by_name = {row.name: row.id for row in session.execute(sources)}
    custom = {key: one.type for key, one in capture.definitions.items()}
    return CellContext(spec.date_order, by_name, people, spec.source_id, today=now().date(), custom=custom)


def _in_columns(context: ImportContext, mistakes: Mapping[str, str]) -> str:
    named = {field: column for column, field in context.spec.mapping.items()}
    return "; ".join(f"{named.get(field, field)}: {message}" for field, message in mistakes.items())


def _with_columns(context: ImportContext, message: str) -> str:
    """Replace the JSON pointers in `message` by the file's column names."""
    for column, field in sorted(context.spec.mapping.items(), key=lambda named: -len(named[1])):
        parts = ("first_name", "last_name") if field == "full_name" else (field, f"{field}_id")
        for part in parts:
            message = message.replace(f"/{part}:", f"{column}:")
    return "; ".join(dict.fromkeys(message.split("; ")))  # a full name without content lacks both of its parts


def _error_text(refusal: RelanceError) -> str:
    if isinstance(refusal, Invalid):
        return "; ".join(f"{error.pointer}: {error.message}" for error in refusal.errors)
    return str(refusal)


KIND: Final = JobKind(JOB_MARKER, work_on)
