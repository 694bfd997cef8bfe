"""Working off a part of an import: its rows together, as a job's chunk does, in the one transaction of its step.

One part of one clinic at a time: a row sees what the rows before it became, so that no phone becomes two leads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.engine.jobs.items import Ends, Place, lock_pending, write_ends
from app.engine.jobs.kinds import JobKind, Make
from app.engine.jobs.models import ItemReason
from app.engine.jobs.planning import Span
from app.engine.service import record
from app.errors import Invalid, RelanceError
from app.identity.clinic_context import ClinicContext
from app.identity.models import User
from app.leads.assignment.staff import staff_of
from app.leads.attribution.models import LeadSource
from app.leads.capture.bulk.new_leads import Intake, Newcomer, intake, read_newcomers, take_in
from app.leads.capture.imports.cells import Reading, lead_of
from app.leads.capture.imports.models import Import, ImportRow
from app.leads.capture.imports.rows import cells_of
from app.leads.capture.imports.spec import MAKES, ImportSpec, OnDuplicate
from app.leads.capture.reading import read_lead_changes
from app.leads.changes import replace
from app.leads.duplicates.search import ways_of
from app.leads.facts.events import lead_created
from app.leads.lookup import require_unlocked
from app.leads.models import Lead

_NOT_CHANGED: Final = frozenset({"source_id", "assigned_to_id"})  # by an import, of a lead that is there
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtext('import'), hashtext(CAST(:clinic AS text)))")
_KNOWN: Final = text("""
SELECT id, phone_blind AS way FROM leads
WHERE clinic_id = :clinic AND deleted_at IS NULL AND phone_blind = ANY(CAST(:ways AS bytea[]))
UNION ALL
SELECT id, phone_alt_blind FROM leads
WHERE clinic_id = :clinic AND deleted_at IS NULL AND phone_alt_blind = ANY(CAST(:ways AS bytea[]))
UNION ALL
SELECT id, email_blind FROM leads
WHERE clinic_id = :clinic AND deleted_at IS NULL AND email_blind = ANY(CAST(:ways AS bytea[]))
ORDER BY id
""")


@dataclass(frozen=True, slots=True)
class Work:
    """An import as its parts need it."""

    job_id: UUID
    spec: ImportSpec
    into: Intake
    fields: Sequence[str | None]  # of each column
    reading: Reading


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row that could be read: what it says, and the lead that it would be."""

    said: Mapping[str, Any]
    newcomer: Newcomer
    ways: frozenset[bytes]  # the marks of its phones and its address


def work_on(session: Session, job: Row[Any], clinic: ClinicContext) -> Make:
    """What is the same for all parts of the import; returns what makes one."""
    spec = ImportSpec.from_json(job.spec)
    into = intake(session, clinic, staff_of(session, clinic.id), by=job.created_by, may_assign=spec.may_assign)
    columns = session.scalar(select(Import.columns).where(Import.id == spec.import_id)) or []
    fields = [spec.mapping.get(column) for column in columns]
    return partial(_take_in_rows, work=Work(job.id, spec, into, fields, _reading(session, clinic.id, spec)))


def _take_in_rows(session: Session, span: Span, *, work: Work) -> Ends:
    clinic, ends = work.into.actor.clinic, Ends()
    if not work.spec.is_rehearsal:
        session.execute(_ONE_AT_A_TIME, {"clinic": clinic.id})
    rows = _read(session, work, span, ends)
    new = _known_ones(session, work, rows, ends)
    if work.spec.is_rehearsal:
        for place in new:
            ends.succeed(place)
    else:
        _create(session, work, {place: rows[place] for place in new}, ends)
    write_ends(session, work.job_id, ends)
    return ends


def _read(session: Session, work: Work, span: Span, ends: Ends) -> dict[Place, ReadRow]:
    """The pending rows that make sense; of the others it is said why not."""
    pending = {item.position for item in lock_pending(session, work.job_id, span)}
    wanted = select(ImportRow.position, ImportRow.cells_sealed).where(
        ImportRow.import_id == work.spec.import_id, ImportRow.position.between(span.first, span.last)
    )
    said: dict[Place, dict[str, Any]] = {}
    for row in session.execute(wanted.order_by(ImportRow.position)):
        if row.position not in pending:
            continue
        there = cells_of(work.spec.import_id, row)
        cells = {field: cell for field, cell in zip(work.fields, there, strict=False) if field}
        lead, mistakes = lead_of(cells, work.reading)
        if mistakes:
            ends.fail(row.position, ItemReason.INVALID, _in_columns(work, mistakes))
        else:
            said[row.position] = lead
    newcomers, refused = read_newcomers(said.items(), work.into, at=now())
    for place, words in refused.items():
        ends.fail(place, ItemReason.INVALID, _with_columns(work, words))
    return {place: ReadRow(said[place], new, frozenset(ways_of(new.lead))) for place, new in newcomers.items()}


def _known_ones(session: Session, work: Work, rows: Mapping[Place, ReadRow], ends: Ends) -> list[Place]:
    """Do with those who are there already what was asked for; returns the places of the others."""
    if work.spec.on_duplicate is OnDuplicate.CREATE:
        return list(rows)
    known = _leads_by_way(session, work, rows)
    new: list[Place] = []
    seen: set[bytes] = set()
    updates: dict[Place, UUID] = {}
    for place, row in rows.items():
        lead_id = next((known[way] for way in row.ways if way in known), None)
        if lead_id and work.spec.on_duplicate is OnDuplicate.UPDATE:
            updates[place] = lead_id
        elif lead_id:
            ends.succeed(place, lead_id=lead_id, reason=ItemReason.SKIPPED)
        elif row.ways & seen:
            _double(work, place, ends)
        else:
            new.append(place)
            seen |= row.ways
    _update(session, work, {place: (lead_id, rows[place]) for place, lead_id in updates.items()}, ends)
    return new


def _double(work: Work, place: Place, ends: Ends) -> None:
    """The same person as a row before, which is no lead yet: it is looked at again when that one is."""
    if not work.spec.is_rehearsal:
        ends.left.append(place)
        return
    updates = work.spec.on_duplicate is OnDuplicate.UPDATE
    ends.succeed(place, reason=ItemReason.UPDATED if updates else ItemReason.SKIPPED)


def _leads_by_way(session: Session, work: Work, rows: Mapping[Place, ReadRow]) -> dict[bytes, UUID]:
    """Of each phone and address the newest lead that has it."""
    ways = list(frozenset[bytes]().union(*(row.ways for row in rows.values())))
    given = {"clinic": work.into.actor.clinic.id, "ways": ways}
    return {bytes(row.way): row.id for row in session.execute(_KNOWN, given)}


def _update(session: Session, work: Work, wanted: Mapping[Place, tuple[UUID, ReadRow]], ends: Ends) -> None:
    locked = select(Lead).where(Lead.id.in_([lead_id for lead_id, _ in wanted.values()])).order_by(Lead.id)
    free = locked.with_for_update(skip_locked=True, key_share=True).execution_options(populate_existing=True)
    leads = {lead.id: lead for lead in session.scalars(free)} if wanted else {}
    for place, (lead_id, row) in wanted.items():
        if lead_id not in leads:
            ends.left.append(place)
            continue
        try:
            _change(session, work, leads[lead_id], row.said)
        except RelanceError as refusal:
            ends.fail(place, ItemReason.INVALID, _words(refusal))
        else:
            ends.succeed(place, lead_id=lead_id, reason=ItemReason.UPDATED)


def _change(session: Session, work: Work, lead: Lead, said: Mapping[str, Any]) -> None:
    require_unlocked(lead)
    changes = read_lead_changes({name: value for name, value in said.items() if name not in _NOT_CHANGED})
    if not work.spec.is_rehearsal:
        events = replace(session, work.into.actor, lead, changes)
        if work.spec.runs_rules:
            record(session, work.into.actor.clinic, *events)


def _create(session: Session, work: Work, rows: Mapping[Place, ReadRow], ends: Ends) -> None:
    at, clinic = now(), work.into.actor.clinic
    leads = take_in(session, work.into, [row.newcomer for row in rows.values()], at=at)
    for place, lead in zip(rows, leads, strict=True):
        ends.succeed(place, lead_id=lead.id)
    if work.spec.runs_rules:
        record(session, clinic, *(lead_created(lead, at) for lead in leads))


def _reading(session: Session, clinic_id: UUID, spec: ImportSpec) -> Reading:
    """By name, or by address, in small letters."""
    sources = select(func.lower(LeadSource.name).label("name"), LeadSource.id).where(
        LeadSource.clinic_id == clinic_id, LeadSource.is_active
    )
    users = session.execute(select(User.name, User.email, User.id).where(User.clinic_id == clinic_id, User.is_active))
    people = {name.lower(): user.id for user in users for name in (user.name, user.email)}
    return Reading(spec.date_order, {row.name: row.id for row in session.execute(sources)}, people, spec.source_id)


def _in_columns(work: Work, mistakes: Mapping[str, str]) -> str:
    named = {field: column for column, field in work.spec.mapping.items()}
    return "; ".join(f"{named.get(field, field)}: {words}" for field, words in mistakes.items())


def _with_columns(work: Work, words: str) -> str:
    """`/phone: Not a phone number.` in the words of the file's own columns."""
    for column, field in sorted(work.spec.mapping.items(), key=lambda named: -len(named[1])):
        words = words.replace(f"/{field}:", f"{column}:").replace(f"/{field}_id:", f"{column}:")
    return words


def _words(refusal: RelanceError) -> str:
    if isinstance(refusal, Invalid):
        return "; ".join(f"{error.pointer}: {error.message}" for error in refusal.errors)
    return str(refusal)


KIND: Final = JobKind(MAKES, work_on)
