"""Leads of another system, by its own ids: taken in the first time, brought up to date from then on."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.engine.service import record
from app.errors import Forbidden, Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.attribution.touches import note_touch
from app.leads.capture.capture import capture_lead
from app.leads.changes import replace
from app.leads.lookup import unlocked_lead
from app.leads.models import LONGEST_EXTERNAL_ID, Lead
from app.leads.pipeline.progress import tend

# What is said of the way they came is said of this time; how they came the first time stays as it is.
_OF_THE_TOUCH: Final[Mapping[str, str]] = {
    "source_id": "source_id",
    "capture_channel": "channel",
    "source_campaign": "campaign",
    "source_detail": "detail",
}
_NOT_REPLACED: Final = frozenset({*_OF_THE_TOUCH, "external_source", "touch"})
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class Upserted(NamedTuple):
    """The lead, and whether it was new."""

    lead: Any
    is_new: bool


def upsert(session: Session, actor: Actor, external_id: str, data: Mapping[str, Any]) -> Upserted:
    """Take in or update the lead of that id in `data["external_source"]`; each time is a touch.

    Of many at once one takes it in. Who was merged is found in the lead they are now.
    Raises Forbidden, Invalid, NotFound, LeadIsLocked.
    """
    if not external_id.isprintable() or len(external_id) > LONGEST_EXTERNAL_ID:
        raise Invalid.at("/external_id", f"At most {LONGEST_EXTERNAL_ID} visible characters.")
    name = f"{actor.clinic.id} {data['external_source']} {external_id}"
    session.execute(_ONE_AT_A_TIME, {"name": name})
    known = _find(session, actor, external_id, data["external_source"])
    if known is None:
        return Upserted(capture_lead(session, actor, {**data, "external_id": external_id}), is_new=True)
    if not actor.allows(Permission.LEAD_UPDATE):
        raise Forbidden
    return Upserted(_update(session, actor, known, data), is_new=False)


def _find(session: Session, actor: Actor, external_id: str, external_source: str) -> UUID | None:
    """Whoever may see it: there is one lead of that id."""
    theirs = (Lead.external_id == external_id, Lead.external_source == external_source)
    found = select(func.coalesce(Lead.merged_into_id, Lead.id)).where(Lead.clinic_id == actor.clinic.id, *theirs)
    return session.scalar(found)


def _update(session: Session, actor: Actor, lead_id: UUID, data: Mapping[str, Any]) -> Lead:
    lead = unlocked_lead(session, actor.within(Permission.LEAD_UPDATE), lead_id)
    changes = {name: value for name, value in data.items() if name not in _NOT_REPLACED}
    events = replace(session, actor, lead, changes)
    came = {name: data[given] for given, name in _OF_THE_TOUCH.items() if given in data}
    made = note_touch(session, actor, lead, {**data.get("touch", {}), **came})
    tend(lead, made["occurred_at"])
    record(session, actor.clinic, *events)
    return lead
