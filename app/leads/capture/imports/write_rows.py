"""Write the valid rows of a chunk in the order of the file: create leads, and skip or update existing ones.

Rows are written together, in passes. A row waits for the next pass if it may be about the person of an earlier row of
the pass: that row creates the lead, or changes the phone number or address by which the lead is found.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, time
from types import MappingProxyType
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.clock import now
from app.core.database import savepoint
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.jobs.items import NO_MATCH, ItemResults, Match, Position
from app.engine.jobs.models import ItemReason
from app.engine.jobs.outlook import Outlook, outlook_of
from app.engine.sequences.definitions import sequences_of
from app.engine.service import plan_events, record
from app.errors import RelanceError
from app.leads.capture.bulk.known_people import NOT_UPDATED, error_text, match_rows
from app.leads.capture.bulk.new_leads import NewLead, insert_leads
from app.leads.capture.imports.context import Blocked, ChunkState, ImportContext, ReadRow
from app.leads.capture.imports.later_rows import LaterFields, fields_of_later_rows, without_later_fields
from app.leads.capture.imports.same_rows import same_rows
from app.leads.capture.lead_validation import read_lead_changes
from app.leads.changes import LeadChanges
from app.leads.duplicates.known_leads import BLIND_INDEXES, newest_leads
from app.leads.enums import LeadStatus, OnDuplicate
from app.leads.events import lead_created
from app.leads.models import Lead
from app.leads.pipeline.stages import tells_contact
from app.leads.search.lookup import require_unlocked

EXTERNAL_SOURCE: Final = "import"  # of the ids in files
MOST_PASSES: Final = 20  # rows of a further pass are left for a later step
_TAKEN: Final = text(
    "SELECT external_id FROM leads WHERE clinic_id = :clinic AND external_source = :source AND external_id = ANY(:ids)"
)


def write_rows(
    session: Session, context: ImportContext, rows: Mapping[Position, ReadRow], ends: ItemResults, *, chunk: ChunkState
) -> None:
    """Create leads, and skip or update existing ones, as `on_duplicate` says. Add the results to `ends`."""
    if context.spec.on_duplicate is OnDuplicate.CREATE:
        _create_all(session, context, rows, ends)
        return
    blocked, waiting = chunk.blocked.copy(), rows
    for _ in range(MOST_PASSES):
        if not waiting:
            break
        waiting, taken = _write_pass(session, context, waiting, ends, blocked=blocked, is_late=chunk.is_late)
    if waiting:
        ends.left += waiting
        blocked = taken
    chunk.blocked = blocked


def rehearse_rows(
    session: Session, context: ImportContext, rows: Mapping[Position, ReadRow], ends: ItemResults
) -> None:
    """Add the results that `write_rows` would have to `ends`. Write nothing."""
    policy = context.spec.on_duplicate
    found = _find_leads(session, context, rows)
    leads = _load(session, _first_of_each(found), lock=False) if policy is OnDuplicate.UPDATE else {}
    repeated = same_rows(session, context.spec.import_id, {place: row.blind_indexes for place, row in rows.items()})
    new: list[NewLead] = []
    for place, row in rows.items():
        match = Match(next(iter(found[place]), None), repeated.get(place))
        if match == NO_MATCH or policy is OnDuplicate.CREATE:
            ends.succeed(place, match=match, warning=row.warning)
            new.append(row.new_lead)
        elif match.lead_id and (lead := leads.get(match.lead_id)):
            _update(context, None, lead, ends, place=place, row=row, later={}, match=match)
        else:
            _leave(ends, place, match, policy)
    if context.spec.runs_rules and new:
        ends.outlook = _outlook(session, context, new)


def _outlook(session: Session, context: ImportContext, new: Sequence[NewLead]) -> Outlook:
    """Return what the rules would plan. The leads exist until the savepoint is undone, for conditions on them."""
    at, clinic, noted = now(), context.capture.actor.clinic, audit_log.notes_count(session)
    session.execute(savepoint.BEGIN)
    _keep_ids_once(session, clinic.id, new)
    insert_leads(session, context.capture, new, at=at)
    plans = plan_events(session, clinic, [lead_created(lead.to_object(), at) for lead in new], of_many=True)
    found = outlook_of((planned for _, planned in plans), sequences_of(session, clinic).by_slug)
    session.execute(savepoint.UNDO)
    session.execute(savepoint.KEEP)
    audit_log.discard_notes_after(session, noted)
    return found


def _leave(ends: ItemResults, place: Position, match: Match, policy: OnDuplicate) -> None:
    """Add the result of a row whose person exists."""
    if policy is OnDuplicate.REFUSE:
        ends.fail(place, ItemReason.DUPLICATE_LEAD, match=match)
    else:
        reason = ItemReason.UPDATED if policy is OnDuplicate.UPDATE else ItemReason.SKIPPED
        ends.succeed(place, lead_id=match.lead_id, reason=reason, match=match)


def _write_pass(
    session: Session,
    context: ImportContext,
    rows: Mapping[Position, ReadRow],
    ends: ItemResults,
    *,
    blocked: Blocked,
    is_late: bool,
) -> tuple[Mapping[Position, ReadRow], Blocked]:
    """Write rows that depend on no other one. Return the rows of the next pass, and what they block."""
    matches = _find_leads(session, context, rows)
    updates = context.spec.on_duplicate is OnDuplicate.UPDATE
    leads = _load(session, _first_of_each(matches), lock=True) if updates else {}
    later = fields_of_later_rows(session, context, min(rows), leads) if is_late and leads else {}
    changes = LeadChanges(session, context.capture.actor)
    taken, new, waiting = blocked.copy(), dict[Position, ReadRow](), dict[Position, ReadRow]()
    for place, row in rows.items():
        found, indexes = matches[place], row.blind_indexes
        is_locked = updates and found and found[0] not in leads
        if is_locked or blocked.concerns(indexes, found):
            ends.left.append(place)
            blocked.add(indexes, found)
            taken.add(indexes, found)
        elif taken.concerns(indexes, found):
            waiting[place] = row
            taken.add(indexes, found)
        elif not found:
            new[place] = row
            taken.add(indexes)
        elif updates:
            taken.add(_update(context, changes, leads[found[0]], ends, place=place, row=row, later=later))
        else:
            _leave(ends, place, Match(found[0]), context.spec.on_duplicate)
    events = changes.finish()
    if context.spec.runs_rules:
        record(session, context.capture.actor.clinic, *events, of_many=True)
    _create(session, context, new, ends)
    session.flush()
    return waiting, taken


def _find_leads(
    session: Session, context: ImportContext, rows: Mapping[Position, ReadRow]
) -> Mapping[Position, list[UUID]]:
    """Return the existing leads of each row. The first one is that of the first phone number, then of the address."""
    known = newest_leads(session, context.capture.actor.clinic.id, (row.new_lead.row for row in rows.values()))
    return {place: [known[way] for way in row.blind_indexes if way in known] for place, row in rows.items()}


def _first_of_each(matches: Mapping[Position, list[UUID]]) -> Collection[UUID]:
    return {found[0] for found in matches.values() if found}


def _load(session: Session, lead_ids: Collection[UUID], *, lock: bool) -> Mapping[UUID, Lead]:
    """Load leads by id. With `lock`, lock them, and leave out those that another transaction has locked."""
    if not lead_ids:
        return {}
    wanted = select(Lead).where(Lead.id.in_(lead_ids)).order_by(Lead.id).execution_options(populate_existing=True)
    rows = wanted.with_for_update(skip_locked=True, key_share=True) if lock else wanted
    return {lead.id: lead for lead in session.scalars(rows)}


def _update(
    context: ImportContext,
    changes: LeadChanges | None,
    lead: Lead,
    ends: ItemResults,
    *,
    place: Position,
    row: ReadRow,
    later: LaterFields,
    match: Match | None = None,
) -> Iterable[bytes]:
    """Update a lead, unless there are no `changes` to add to. Return the blind indexes that it has lost or gained."""
    before = _blind_indexes(lead)
    try:
        require_unlocked(lead)
        given = read_lead_changes({name: value for name, value in row.values.items() if name not in NOT_UPDATED})
        if changes:
            changes.apply(lead, without_later_fields(lead, given, place, later))
    except RelanceError as refusal:
        ends.fail(place, ItemReason.INVALID, context.with_columns(error_text(refusal)), match=match or Match(lead.id))
    else:
        ends.succeed(place, lead_id=lead.id, reason=ItemReason.UPDATED, match=match or Match(lead.id))
    return before ^ _blind_indexes(lead)


def _blind_indexes(lead: Lead) -> frozenset[bytes]:
    return frozenset(way for name in BLIND_INDEXES if (way := getattr(lead, name)))


def _create_all(session: Session, context: ImportContext, rows: Mapping[Position, ReadRow], ends: ItemResults) -> None:
    """Create a lead of each row, also of a person who exists. The result names the lead of that person."""
    if not rows:
        return
    matches = match_rows(session, context.capture.actor.clinic.id, _new_leads(rows), creates_all=True)
    _create(session, context, rows, ends, matches=matches)


def _new_leads(rows: Mapping[Position, ReadRow]) -> Mapping[Position, NewLead]:
    return {place: row.new_lead for place, row in rows.items()}


def _create(
    session: Session,
    context: ImportContext,
    rows: Mapping[Position, ReadRow],
    ends: ItemResults,
    *,
    matches: Mapping[Position, UUID] = MappingProxyType({}),
) -> None:
    if not rows:
        return
    at, clinic = now(), context.capture.actor.clinic
    _keep_ids_once(session, clinic.id, [row.new_lead for row in rows.values()])
    if not context.spec.runs_rules:
        _let_rules_wait(context, rows.values(), at)
    insert_leads(session, context.capture, [row.new_lead for row in rows.values()], at=at)
    for place, row in rows.items():
        lead_id, match = row.new_lead.lead["id"], Match(matches.get(place))
        ends.succeed(place, lead_id=lead_id, match=match, warning=row.warning)
    if context.spec.runs_rules:
        record(session, clinic, *(lead_created(row.new_lead.to_object(), at) for row in rows.values()), of_many=True)


def set_stage_and_id(new: NewLead, given: JsonObject, context: ImportContext) -> None:
    """Set the stage of a new lead and its id in the system that the file is from. The stage may tell a contact."""
    columns: JsonDict = {}
    if stage := given.get("stage"):
        is_first = stage == context.capture.first_stage
        columns = {"pipeline_stage": stage, "status": LeadStatus.NEW if is_first else LeadStatus.ACTIVE}
        if tells_contact(context.stages, stage):
            columns |= dict.fromkeys(("contacted_at", "first_contact_at"), new.lead["created_at"])
    if record_id := given.get("record_id"):
        columns |= {"external_source": EXTERNAL_SOURCE, "external_id": record_id}
    for row in (new.lead, new.row):
        row.update(columns)


def _keep_ids_once(session: Session, clinic_id: UUID, leads: Sequence[NewLead]) -> None:
    """Remove the ids that another lead already has: each lead is found by its own id."""
    ids = [id_ for lead in leads if (id_ := lead.row.get("external_id"))]
    taken = set(session.scalars(_TAKEN, {"clinic": clinic_id, "source": EXTERNAL_SOURCE, "ids": ids})) if ids else set()
    for lead in leads:
        if (id_ := lead.row.get("external_id")) in taken:
            for row in (lead.lead, lead.row):
                row.update(external_source=None, external_id=None)
        elif id_:
            taken.add(id_)


def _let_rules_wait(context: ImportContext, rows: Iterable[ReadRow], at: datetime) -> None:
    day, calendar = context.spec.rules_from, context.capture.actor.clinic.calendar
    until = calendar.at_wall_time(day, time.min) if day else None
    for row in rows:
        for columns in (row.new_lead.lead, row.new_lead.row):
            columns.update(rules_wait_since=at, rules_wait_until=until)
