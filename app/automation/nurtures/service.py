"""A clinic's nurtures. Every function takes the session first, and leaves the commit to its caller."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.automation.nurtures.errors import NurtureNameTaken, RunUnderWay, TooManyNurtures
from app.automation.nurtures.finding import leads_for
from app.automation.nurtures.models import Nurture, NurtureRun
from app.automation.nurtures.running import active_sequence, run_row, set_next_run
from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import Seen, require_seen
from app.core.pagination import Key, Page, page
from app.engine.sequences.models import Sequence
from app.errors import Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.permissions import Permission
from app.leads.lookup import visible_to

OWN: Final = ""  # the playbook of a nurture that came from none
MOST_NURTURES: Final = 50
MOST_COUNTED: Final = 10_000  # leads of a preview
BY_NAME: Final[list[Key]] = [(Nurture.name, "asc")]
LATEST_FIRST: Final[list[Key]] = [(NurtureRun.scheduled_for, "desc")]
_SAYS_WHEN: Final = frozenset({"is_active", "run_hours", "days"})


def list_nurtures(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The clinic's nurtures by name."""
    return page(session, select(Nurture).where(Nurture.clinic_id == actor.clinic.id), BY_NAME, query)


def find_nurture(session: Session, actor: Actor, nurture_id: UUID, *, lock: bool = False) -> Nurture:
    """The clinic's nurture of that id. Raises NotFound."""
    wanted = select(Nurture).where(Nurture.id == nurture_id, Nurture.clinic_id == actor.clinic.id)
    nurture = session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()
    if nurture is None:
        raise NotFound
    return nurture


def create_nurture(session: Session, actor: Actor, data: Mapping[str, Any]) -> Nurture:
    """A new nurture of what `NurtureIn` read. Raises Invalid, NurtureNameTaken, TooManyNurtures."""
    _require_sequence(session, actor.clinic, data["sequence"])
    of_clinic = select(func.count()).where(Nurture.clinic_id == actor.clinic.id)
    if (session.scalar(of_clinic) or 0) >= MOST_NURTURES:
        raise TooManyNurtures
    nurture = new_nurture(actor.clinic, data, playbook=OWN, by=actor.user_id)
    session.add(nurture)
    try:
        session.flush()
    except IntegrityError:
        raise NurtureNameTaken from None
    return nurture


def new_nurture(clinic: ClinicContext, data: Mapping[str, Any], *, playbook: str, by: UUID | None) -> Nurture:
    """A nurture of what `NurtureIn` read; its first run is at the next of its hours."""
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
    session: Session, actor: Actor, nurture_id: UUID, data: Mapping[str, Any], *, seen: Seen = None
) -> Nurture:
    """Give a nurture these values. Raises NotFound, ChangedMeanwhile, Invalid."""
    nurture = find_nurture(session, actor, nurture_id, lock=True)
    require_seen(nurture, seen)
    if "sequence" in data:
        _require_sequence(session, actor.clinic, data["sequence"])
    for name, value in data.items():
        setattr(nurture, name, value)
    if nurture.score_from > nurture.score_to:
        raise Invalid.at("/score_from", "Must not be more than score_to.")
    if data.keys() & _SAYS_WHEN:
        set_next_run(nurture, actor.clinic, after=now())
    nurture.updated_at, nurture.updated_by = now(), actor.user_id
    nurture.version += 1
    return nurture


def delete_nurture(session: Session, actor: Actor, nurture_id: UUID, *, seen: Seen = None) -> None:
    """There are no more runs of it; who is in the sequence stays there. Raises NotFound, ChangedMeanwhile."""
    nurture = find_nurture(session, actor, nurture_id, lock=True)
    require_seen(nurture, seen)
    session.delete(nurture)


def list_runs(session: Session, actor: Actor, nurture_id: UUID, query: Mapping[str, Any]) -> Page:
    """Its runs, the latest first. Raises NotFound."""
    nurture = find_nurture(session, actor, nurture_id)
    return page(session, select(NurtureRun).where(NurtureRun.nurture_id == nurture.id), LATEST_FIRST, query)


def run_now(session: Session, actor: Actor, nurture_id: UUID) -> NurtureRun:
    """A run that the next sweep begins, also where the nurture is switched off. Raises NotFound, RunUnderWay."""
    nurture = find_nurture(session, actor, nurture_id, lock=True)
    still_open = select(NurtureRun.id).where(NurtureRun.nurture_id == nurture.id, NurtureRun.finished_at.is_(None))
    if session.scalars(still_open.limit(1)).one_or_none():
        raise RunUnderWay
    at = now()
    run = NurtureRun(**run_row(nurture, at, at, by=actor.stands_for))
    session.add(run)
    session.flush()
    return run


def preview(session: Session, actor: Actor, nurture_id: UUID) -> dict[str, Any]:
    """How many leads a run would take now. Raises NotFound."""
    nurture = find_nurture(session, actor, nurture_id)
    sequence = active_sequence(session, actor.clinic, nurture.sequence)
    if sequence is None:
        return {"leads": 0, "is_complete": True, "is_able": False}
    most = min(nurture.most or MOST_COUNTED, MOST_COUNTED)
    found = leads_for(nurture, sequence, at=now()).where(*visible_to(actor.within(Permission.LEAD_READ)))
    leads = session.scalar(select(func.count()).select_from(found.limit(most).subquery())) or 0
    return {"leads": leads, "is_complete": leads < MOST_COUNTED, "is_able": True}


def _require_sequence(session: Session, clinic: ClinicContext, slug: str) -> None:
    there = (Sequence.clinic_id == clinic.id, Sequence.slug == slug, Sequence.deleted_at.is_(None))
    if session.scalars(select(Sequence.id).where(*there)).one_or_none() is None:
        raise Invalid.at("/sequence", "The clinic has no sequence of this name.")
