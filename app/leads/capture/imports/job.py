"""Import job: process the rows of a chunk in the transaction of its step.

Workers read the rows of several chunks at the same time. From the lookup of known leads to the commit, chunks of one
clinic run one at a time, so no phone number becomes two leads.

Rows of a person are written in the order of the file, because they depend on each other: with `on_duplicate=update`,
the last one wins. So a chunk writes when all earlier chunks are finished. If an earlier one has not begun, or its
worker has died, the chunk is planned again after that one. A preview keeps the same order, so that it finds the earlier
rows of the same person.
"""

from dataclasses import replace
from functools import partial
from typing import Final

from sqlalchemy import and_, func, select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonDict
from app.engine.jobs.earlier_chunks import EarlierChunk, hand_back, unfinished_chunk, waiting_chunk
from app.engine.jobs.items import ItemResults, Position, lock_pending, write_results
from app.engine.jobs.kinds import JobKind, JobRow, ProcessSpan
from app.engine.jobs.models import ItemReason
from app.engine.jobs.split import CHUNK_SIZE, Span
from app.identity.clinic_context import ClinicContext
from app.identity.models import User
from app.identity.users.lookup import active_users
from app.leads.attribution.models import LeadSource
from app.leads.capture.bulk.new_leads import CaptureContext, load_capture_context, read_new_leads
from app.leads.capture.imports.cells import OF_NEW_LEADS, UNKNOWN_STAGE, CellContext, parse_row
from app.leads.capture.imports.context import ChunkState, ImportContext, ReadRow
from app.leads.capture.imports.models import Import, ImportRow
from app.leads.capture.imports.rows import decrypted_cells
from app.leads.capture.imports.spec import JOB_MARKER, ImportSpec
from app.leads.capture.imports.write_rows import rehearse_rows, set_stage_and_id, write_rows
from app.leads.duplicates.known_leads import lock_capture
from app.leads.enums import OnDuplicate
from app.leads.pipeline.models import PipelineStage
from app.leads.pipeline.stages import stages_by_clinic

# A chunk holds its own number until its commit. Before it looks for leads, it waits for the chunk before it, which has
# waited for earlier ones.
_HOLD_NUMBER: Final = text("SELECT pg_advisory_xact_lock(hashtext(CAST(:job AS text)), :number)")
_WAIT_FOR_EARLIER: Final = text("SELECT pg_advisory_xact_lock_shared(hashtext(CAST(:job AS text)), :number - 1)")
LONGEST_NAME: Final = 60  # of a stage in a warning
_REACHED: Final = text("SELECT reached FROM jobs WHERE id = :job")


def work_on(session: Session, job: JobRow, clinic: ClinicContext) -> ProcessSpan:
    """Load the data shared by all chunks; return the function that processes one chunk."""
    spec = ImportSpec.from_json(job.spec)
    staff = active_users(session, clinic.id)
    capture = load_capture_context(session, clinic, staff, by=job.created_by, may_assign=spec.may_assign)
    capture = _with_inactive_sources(session, capture)
    columns = session.scalar(select(Import.columns).where(Import.id == spec.import_id)) or []
    fields = [spec.mapping.get(column) for column in columns]
    return partial(
        _import_rows,
        context=ImportContext(
            job.id,
            spec,
            capture,
            fields,
            _cell_context(session, capture, spec),
            stages_by_clinic(session, [clinic.id])[clinic.id],
        ),
        chunk=ChunkState(),
    )


def _import_rows(session: Session, span: Span, *, context: ImportContext, chunk: ChunkState) -> ItemResults:
    ends = ItemResults()
    if earlier := _process_span(session, context, span, ends, chunk=chunk):
        return hand_back(session, context.job_id, span, earlier)
    write_results(session, context.job_id, ends)
    return ends


def _process_span(
    session: Session, context: ImportContext, span: Span, ends: ItemResults, *, chunk: ChunkState
) -> EarlierChunk | None:
    """Write or rehearse the rows of the span and return None, or return an earlier chunk to be processed first."""
    is_rehearsal = context.spec.is_rehearsal
    is_any_order = chunk.may_write or (context.spec.on_duplicate is OnDuplicate.CREATE and not is_rehearsal)
    clinic_id, job_id = context.capture.actor.clinic.id, context.job_id
    if not is_any_order and (earlier := waiting_chunk(session, clinic_id, job_id, span.first)):
        return earlier
    number = {"job": job_id, "number": span.first // CHUNK_SIZE}
    session.execute(_HOLD_NUMBER, number)
    rows = _read(session, context, span, ends)
    session.execute(_WAIT_FOR_EARLIER, number)
    if not is_rehearsal:
        lock_capture(session, clinic_id)
    if not is_any_order:
        if earlier := unfinished_chunk(session, clinic_id, job_id, span.first):
            return earlier
        chunk.may_write = True
        chunk.is_late = session.execute(_REACHED, {"job": job_id}).scalar_one() > span.first
    if is_rehearsal:
        rehearse_rows(session, context, rows, ends)
    else:
        write_rows(session, context, rows, ends, chunk=chunk)
    return None


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
            named = (f"{context.column_of(field)}: {message}" for field, message in mistakes.items())
            ends.fail(row.position, ItemReason.INVALID, "; ".join(named))
        else:
            values[row.position] = lead
    of_new: dict[Position, JsonDict] = {
        place: {name: lead.pop(name) for name in OF_NEW_LEADS if name in lead} for place, lead in values.items()
    }
    unknown = {place: given[UNKNOWN_STAGE] for place, given in of_new.items() if UNKNOWN_STAGE in given}
    noted = ((place, _with_stage_in_notes(lead, unknown.get(place))) for place, lead in values.items())
    new_leads, refused = read_new_leads(noted, context.capture, at=now())
    for place, new in new_leads.items():
        set_stage_and_id(new, of_new[place], context)
    for place, message in refused.items():
        ends.fail(place, ItemReason.INVALID, context.with_columns(message))
    warnings = {place: _warning(context, stage) for place, stage in unknown.items()}
    return {place: ReadRow(values[place], new, warnings.get(place)) for place, new in new_leads.items()}


def _with_stage_in_notes(lead: JsonDict, stage: str | None) -> JsonDict:
    """Keep the name of a stage that the clinic does not have."""
    if stage is None:
        return lead
    return {**lead, "notes": "\n".join(filter(None, (lead.get("notes"), f"Stage before the import: {stage}")))}


def _warning(context: ImportContext, stage: str) -> str:
    name = stage if len(stage) <= LONGEST_NAME else f"{stage[:LONGEST_NAME]}…"
    return (
        f"{context.column_of('stage')}: Your clinic has no stage “{name}”. The lead is in the first stage, and"
        " its notes keep the name."
    )


def _with_inactive_sources(session: Session, capture: CaptureContext) -> CaptureContext:
    """Accept inactive sources, too: a file tells where leads came from."""
    sources = select(LeadSource.id).where(LeadSource.clinic_id == capture.actor.clinic.id)
    return replace(capture, sources=frozenset(session.scalars(sources)))


def _cell_context(session: Session, capture: CaptureContext, spec: ImportSpec) -> CellContext:
    """Load sources by name, and users by name and by e-mail address. Active ones precede others of the same name."""
    clinic_id = capture.actor.clinic.id
    sources = select(func.lower(LeadSource.name).label("name"), LeadSource.id).where(LeadSource.clinic_id == clinic_id)
    by_name = {row.name: row.id for row in session.execute(sources.order_by(LeadSource.is_active, LeadSource.id))}
    working = [user for user in capture.staff.values() if user.may_work]
    people = {name.lower(): user.id for user in working for name in (user.name, user.email)}
    users = select(User.name, User.email).where(User.clinic_id == clinic_id)
    former = {name.lower() for user in session.execute(users) for name in user} - people.keys()
    custom = {key: one.type for key, one in capture.definitions.items()}
    is_open = and_(~PipelineStage.is_terminal, PipelineStage.archived_at.is_(None)).label("is_open")
    stages = select(PipelineStage.slug, PipelineStage.name, is_open).where(PipelineStage.clinic_id == clinic_id)
    by_key = {True: dict[str, str](), False: dict[str, str]()}
    for row in session.execute(stages):
        by_key[row.is_open] |= {key.lower(): row.slug for key in (row.name, row.slug)}
    lookups = {"custom": custom, "stages": by_key[True], "other_stages": by_key[False]}
    return CellContext(spec.date_order, by_name, people, former, spec.source_id, today=now().date(), **lookups)


KIND: Final = JobKind(JOB_MARKER, work_on)
