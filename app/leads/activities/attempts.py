"""Contact times and attempts of a lead, computed from its timeline."""

from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.leads.activities.effects import MEETINGS, last_response
from app.leads.models import Lead
from app.leads.pipeline.models import LOST
from app.leads.pipeline.stages import stages_by_clinic, tells_contact
from app.leads.timeline.models import (
    ANSWERED,
    FAILED_ATTEMPTS,
    WRITTEN,
    Activity,
    ActivityType,
    CountsAs,
    Direction,
)

_Condition: TypeAlias = ColumnElement[bool]

IS_FAILED_ATTEMPT: Final[_Condition] = or_(  # as `is_failed_attempt` of `effects`
    and_(Activity.outcome.in_(FAILED_ATTEMPTS), Activity.direction.is_distinct_from(Direction.INBOUND)),
    and_(
        Activity.type.in_(WRITTEN),
        Activity.direction == Direction.OUTBOUND,
        Activity.outcome.is_(None),
        Activity.counts_as.is_(None),
    ),
)
IS_CONTACT: Final[_Condition] = or_(  # as `is_contact` of `effects`
    Activity.outcome.in_(ANSWERED),
    and_(Activity.type.in_(MEETINGS), Activity.outcome.is_(None)),
    Activity.counts_as == CountsAs.ANSWER,
)


def attempts_since_response(session: Session, lead: Lead, *, at: datetime | None = None) -> int:
    """Count the failed attempts after the lead's last response, its last reopening, and `at`."""
    since = max((one for one in (last_response(lead), _reopened_at(session, lead.id), at) if one), default=None)
    attempts = select(func.count()).where(Activity.lead_id == lead.id, IS_FAILED_ATTEMPT)
    if since is not None:
        attempts = attempts.where(Activity.occurred_at > since)
    return session.scalar(attempts) or 0


def forget_contact(session: Session, lead: Lead, at: datetime) -> None:
    """Compute the lead's contact times and attempts without the contact or attempt of that time.

    The caller has flushed that its entry does not count any more.
    """
    if at not in (lead.contacted_at, lead.first_contact_at) and not lead.failed_attempts:
        return
    contact = or_(IS_CONTACT, _stage_tells_contact(session, lead))
    times = select(
        func.max(Activity.occurred_at).filter(contact),
        func.min(Activity.occurred_at).filter(or_(contact, IS_FAILED_ATTEMPT)),
    )
    last_contact, first = session.execute(times.where(Activity.lead_id == lead.id)).one()
    if lead.contacted_at == at:
        earlier = lead.first_contact_at if _was_imported_as_contacted(lead, at) else None
        lead.contacted_at = last_contact or earlier
    if lead.first_contact_at == at:
        lead.first_contact_at = first
    lead.failed_attempts = attempts_since_response(session, lead)


def has_contact_since(session: Session, lead: Lead, at: datetime) -> bool:
    """Return whether a contact was logged after that time, or is of a later time."""
    is_later = func.greatest(Activity.created_at, Activity.occurred_at) > at
    is_contact = or_(IS_CONTACT, _stage_tells_contact(session, lead))
    found = select(Activity.id).where(Activity.lead_id == lead.id, is_contact, is_later)
    return session.scalars(found.limit(1)).first() is not None


def _reopened_at(session: Session, lead_id: UUID) -> datetime | None:
    reopened = select(func.max(Activity.occurred_at)).where(
        Activity.lead_id == lead_id,
        Activity.type == ActivityType.STAGE_CHANGE,
        Activity.previous_stage == LOST,
    )
    found: datetime | None = session.scalar(reopened)
    return found


def _stage_tells_contact(session: Session, lead: Lead) -> Any:
    stages = stages_by_clinic(session, [lead.clinic_id])[lead.clinic_id]
    slugs = [slug for slug in stages if tells_contact(stages, slug)]
    is_change = and_(Activity.type == ActivityType.STAGE_CHANGE, Activity.counts_as.is_(None))
    return and_(is_change, Activity.new_stage.in_(slugs))


def _was_imported_as_contacted(lead: Lead, at: datetime) -> bool:
    """Return whether the first contact was told by an import, which writes no entry."""
    return lead.first_contact_at == lead.created_at and lead.first_contact_at != at
