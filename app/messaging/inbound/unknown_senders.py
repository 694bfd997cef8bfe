"""New leads from mail of unknown senders."""

from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.leads.attribution.models import LeadSource, SourceCategory
from app.leads.attribution.sources import SourceNameTaken, create_source
from app.leads.capture.capture import capture_lead
from app.leads.enums import CaptureChannel

SOURCE_NAME: Final = "E-mail"
_LONGEST_NAME: Final = 100


def create_lead(session: Session, actor: Actor, sender: str, sender_name: str) -> UUID:
    """Create a lead from the sender of a mail. Raises Conflict (the clinic has no stage for new leads)."""
    data: JsonDict = {
        **_names(sender, sender_name),
        "email": sender,
        "source_id": _source_id(session, actor),
        "capture_channel": CaptureChannel.EMAIL,
    }
    lead_id: UUID = capture_lead(session, actor, data, in_full=False).id
    return lead_id


def _names(sender: str, sender_name: str) -> JsonDict:
    """Split the name in From. Without one, the local part of the address is the first name."""
    given = sender_name or sender.partition("@")[0]
    if "," in given:  # `Keller, Mia`
        last, _, first = given.partition(",")
    else:
        first, _, last = given.rpartition(" ")
    first, last = first.strip() or last.strip(), last.strip() if first.strip() else ""
    return {"first_name": first[:_LONGEST_NAME], "last_name": last[:_LONGEST_NAME]}


def _source_id(session: Session, actor: Actor) -> UUID:
    """Return the source that the clinic chose; else its source "E-mail", which is created if it is missing."""
    chosen = actor.clinic.inbound_email.source_id
    if chosen is not None:
        return UUID(chosen)
    known = _known_source(session, actor.clinic.id)
    if known is None:
        try:
            known = create_source(session, actor.clinic.id, {"name": SOURCE_NAME, "category": SourceCategory.OTHER}).id
        except SourceNameTaken:  # created meanwhile
            return _source_id(session, actor)
    return known


def _known_source(session: Session, clinic_id: UUID) -> UUID | None:
    of_clinic = select(LeadSource.id).where(LeadSource.clinic_id == clinic_id)
    return session.scalar(of_clinic.where(func.lower(LeadSource.name) == SOURCE_NAME.lower()).limit(1))
