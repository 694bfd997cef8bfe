"""Nurture service. The caller commits."""

from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, undefer

from app.automation.language.known_names import ANY_NAME, KnownNames
from app.automation.language.nurtures import Nurture as NurtureDefinition
from app.automation.language.validation import mistakes_in
from app.automation.nurtures.errors import NurtureNameTaken, RunUnderWay, TooManyNurtures
from app.automation.nurtures.models import Nurture, NurtureRun
from app.automation.nurtures.runs import active_sequence, messages_without_gateway, run_row, set_next_run
from app.automation.nurtures.selection import matching_leads
from app.automation.rules.definitions import raise_mistakes
from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import valid_part
from app.core.validation.validation_errors import Mistake
from app.engine.sequences.models import SequenceRow
from app.errors import NotFound
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.permissions import Permission
from app.leads.search.lookup import visible_to

OWN: Final = ""  # playbook of a nurture that the clinic created
MOST_NURTURES: Final = 50
MOST_COUNTED: Final = 10_000  # leads that a preview counts
BY_NAME: Final[list[Key]] = [(Nurture.name, "asc")]
LATEST_FIRST: Final[list[Key]] = [(NurtureRun.scheduled_for, "desc")]
_SCHEDULE_FIELDS: Final = frozenset({"is_active", "run_hours", "days"})


def list_nurtures(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the clinic's nurtures, by name."""
    of_clinic = select(Nurture).where(Nurture.clinic_id == actor.clinic.id)
    return page(session, of_clinic.options(undefer(Nurture.enrolled)), BY_NAME, query)


def find_nurture(session: Session, actor: Actor, nurture_id: UUID, *, lock: bool = False) -> Nurture:
    """Return the clinic's nurture with this id. Raises NotFound."""
    of_clinic = select(Nurture).where(Nurture.id == nurture_id, Nurture.clinic_id == actor.clinic.id)
    wanted = of_clinic.options(undefer(Nurture.enrolled))
    nurture = session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()
    if nurture is None:
        raise NotFound
    return nurture


def create_nurture(session: Session, actor: Actor, data: JsonObject) -> Nurture:
    """Create a nurture from `data`, the fields of NurtureIn. Raises Invalid, NurtureNameTaken, TooManyNurtures."""
    values = _validated(data, _sequence_names(session, actor.clinic))
    of_clinic = select(func.count()).where(Nurture.clinic_id == actor.clinic.id)
    if (session.scalar(of_clinic) or 0) >= MOST_NURTURES:
        raise TooManyNurtures
    nurture = new_nurture(actor.clinic, values, playbook=OWN, by=actor.user_id)
    session.add(nurture)
    try:
        session.flush()
    except IntegrityError:
        raise NurtureNameTaken from None
    session.refresh(nurture, ["enrolled"])
    return nurture


def new_nurture(clinic: ClinicContext, data: JsonObject, *, playbook: str, by: UUID | None) -> Nurture:
    """Return a new nurture with these values. Its first run is at the next scheduled hour."""
    at = now()
    nurture = Nurture(
        id=new_id(),
        clinic_id=clinic.id,
        playbook=playbook,
        created_at=at,
        updated_at=at,
        updated_by=by,
        version=1,
        **data,
    )
    set_next_run(nurture, clinic, after=at)
    return nurture


def change_nurture(
    session: Session, actor: Actor, nurture_id: UUID, data: JsonObject, *, seen: SeenVersions = None
) -> Nurture:
    """Replace the fields in `data`. Raises NotFound, ChangedMeanwhile, Invalid."""
    nurture = find_nurture(session, actor, nurture_id, lock=True)
    require_version(nurture, seen)
    known = _sequence_names(session, actor.clinic) if "sequence" in data else ANY_NAME
    values = _validated({**definition_of(nurture), **data}, known, given=data)
    for name in data:
        setattr(nurture, name, values[name])
    if data.keys() & _SCHEDULE_FIELDS:
        set_next_run(nurture, actor.clinic, after=now())
    nurture.updated_at, nurture.updated_by = now(), actor.user_id
    nurture.version += 1
    return nurture


def check_new(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check a new nurture and the name of its sequence. Raises Invalid with every error."""
    _validated(valid_part(data), _sequence_names(session, actor.clinic))


def check_change(session: Session, actor: Actor, data: JsonObject, /, *, nurture_id: UUID) -> None:
    """Check a changed nurture. Raises Invalid with every error, and NotFound without the nurture."""
    given = valid_part(data)
    known = _sequence_names(session, actor.clinic) if "sequence" in given else ANY_NAME
    _validated({**definition_of(find_nurture(session, actor, nurture_id)), **given}, known, given=given)


def delete_nurture(session: Session, actor: Actor, nurture_id: UUID, *, seen: SeenVersions = None) -> None:
    """Delete a nurture. Enrolled leads stay in the sequence. Raises NotFound, ChangedMeanwhile."""
    nurture = find_nurture(session, actor, nurture_id, lock=True)
    require_version(nurture, seen)
    session.delete(nurture)


def list_runs(session: Session, actor: Actor, nurture_id: UUID, query: JsonObject) -> Page:
    """List the runs of a nurture, latest first. Raises NotFound."""
    nurture = find_nurture(session, actor, nurture_id)
    return page(session, select(NurtureRun).where(NurtureRun.nurture_id == nurture.id), LATEST_FIRST, query)


def run_now(session: Session, actor: Actor, nurture_id: UUID) -> NurtureRun:
    """Create a run that the next sweep starts, even if the nurture is inactive. Raises NotFound, RunUnderWay."""
    nurture = find_nurture(session, actor, nurture_id, lock=True)
    still_open = select(NurtureRun.id).where(NurtureRun.nurture_id == nurture.id, NurtureRun.finished_at.is_(None))
    if session.scalars(still_open.limit(1)).one_or_none():
        raise RunUnderWay
    at = now()
    run = NurtureRun(**run_row(nurture, at, at, by=actor.stands_for))
    session.add(run)
    session.flush()
    return run


def preview(session: Session, actor: Actor, nurture_id: UUID) -> JsonDict:
    """Return the number of leads that a run would enroll now, as NurturePreviewOut. Raises NotFound."""
    nurture = find_nurture(session, actor, nurture_id)
    sequence = active_sequence(session, actor.clinic, nurture.sequence)
    if sequence is None:
        return {"leads": 0, "is_complete": True, "is_able": False, "warnings": []}
    if warnings := messages_without_gateway(session, sequence, actor.clinic.id):
        return {"leads": 0, "is_complete": True, "is_able": False, "warnings": warnings}
    most = min(nurture.most or MOST_COUNTED, MOST_COUNTED)
    found = matching_leads(nurture, sequence, at=now()).where(*visible_to(actor.within(Permission.LEAD_READ)))
    leads = session.scalar(select(func.count()).select_from(found.limit(most).subquery())) or 0
    return {"leads": leads, "is_complete": leads < MOST_COUNTED, "is_able": True, "warnings": []}


def definition_of(nurture: Nurture) -> JsonDict:
    """Return the definition of a nurture, as in playbooks."""
    values = {name: getattr(nurture, name) for name in NurtureDefinition.model_fields}
    return {name: value for name, value in values.items() if value is not None}


def _sequence_names(session: Session, clinic: ClinicContext) -> KnownNames:
    there = select(SequenceRow.slug).where(SequenceRow.clinic_id == clinic.id, SequenceRow.deleted_at.is_(None))
    return KnownNames(sequences=frozenset(session.scalars(there)))


def _validated(definition: JsonObject, known: KnownNames, *, given: JsonObject | None = None) -> JsonDict:
    """Validate a definition, and return its values with defaults. Errors point to the fields in `given`.

    Raises Invalid.
    """
    found = mistakes_in(NurtureDefinition, definition, known)
    if given is not None and "score_to" not in given:
        found = [Mistake("score_from", one.problem) if one.place == "score_to" else one for one in found]
    raise_mistakes(found)
    return NurtureDefinition.model_validate(definition, context=known).model_dump()
