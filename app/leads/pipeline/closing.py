"""How a lead ends: as a patient, or lost; and how it asks not to be written to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.engine.events.events import EventName
from app.engine.models import Reason
from app.engine.service import record
from app.identity.actor import Actor
from app.leads.facts.events import lead_event
from app.leads.lookup import get_lead, open_lead
from app.leads.models import Lead, LeadStatus
from app.leads.pipeline.models import LOST, STARTED
from app.leads.pipeline.progress import enter_stage, touch
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType
from app.messaging.contact_policy.opt_outs import count_opt_out
from app.messaging.contact_policy.suppression_list import OPTED_OUT, addresses_of, suppress_addresses
from app.messaging.delivery.suppression import stop_messages
from app.messaging.models import WAY_OF, LeadChannel
from app.tasks.lifecycle.close_all import cancel_open_tasks


class Ending(NamedTuple):
    """What an end is called: as a stage, as an event, and as the reason on what it ends."""

    stage: str
    event: EventName
    reason: Reason


CONVERTED: Final = Ending(STARTED, EventName.LEAD_CONVERTED, Reason.CONVERTED)
GIVEN_UP: Final = Ending(LOST, EventName.LEAD_LOST, Reason.LOST)


def convert(session: Session, actor: Actor, lead_id: UUID, *, patient_id: UUID | None = None) -> Lead:
    """The lead has become a patient (of that id elsewhere): everything open ends, and the lead is locked.

    Raises NotFound, LeadIsLocked, LeadIsClosed.
    """
    lead = open_lead(session, actor, lead_id)
    return become_patient(session, actor, lead, patient_id=patient_id)


def lose(session: Session, actor: Actor, lead_id: UUID, data: Mapping[str, Any]) -> Lead:
    """The lead will not become a patient, for `data["reason"]`; everything open ends.

    Raises NotFound, LeadIsLocked, LeadIsClosed.
    """
    return give_up_on(session, actor, open_lead(session, actor, lead_id), data)


def opt_out(session: Session, actor: Actor, lead_id: UUID, *, channel: LeadChannel | None = None) -> Lead:
    """The lead wants no more messages, or none by that channel. Saying so again changes nothing.

    No state of a lead forbids it. Raises NotFound.
    """
    lead = get_lead(session, actor, lead_id, lock=True)
    if lead.opted_out_at is not None or channel in lead.opted_out_channels:
        return lead
    if channel is None:
        silence(session, actor, lead, at=now())
    else:
        _silence_channel(session, actor, lead, channel, at=now())
    return lead


def become_patient(session: Session, actor: Actor, lead: Lead, *, patient_id: UUID | None = None) -> Lead:
    """Convert a lead that is locked for it, and open."""
    at = now()
    lead.status = LeadStatus.CONVERTED
    lead.converted_at = at
    lead.converted_to_patient_id = patient_id
    _end(session, actor, lead, CONVERTED, at=at)
    return lead


def give_up_on(session: Session, actor: Actor, lead: Lead, data: Mapping[str, Any]) -> Lead:
    """Lose a lead that is locked for it, and open."""
    at = now()
    lead.status = LeadStatus.LOST
    lead.lost_at = at
    lead.lost_reason = data["reason"]
    lead.lost_notes = data.get("notes")
    _end(session, actor, lead, GIVEN_UP, at=at)
    return lead


def _end(session: Session, actor: Actor, lead: Lead, ending: Ending, *, at: datetime) -> None:
    touch(lead, actor, at)
    moved = enter_stage(session, actor, lead, ending.stage, at=at)
    cancel_open_tasks(session, lead.id, reason=ending.reason, at=at)
    over = lead_event(ending.event, lead, at, about={"reason": lead.lost_reason})
    record(session, actor.clinic, over, moved)  # what both stop, the end has stopped


def silence(session: Session, actor: Actor, lead: Lead, *, at: datetime) -> None:
    """Send nothing more to a lead that is locked for it, nor to whoever else has its addresses, now or later."""
    lead.opted_out_at = at
    count_opt_out(session, lead.clinic_id, lead.id, at=at)
    suppress_addresses(session, lead.clinic_id, addresses_of(lead), reason=OPTED_OUT)
    touch(lead, actor, at)
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, notes="Opted out of messages.")
    record(session, actor.clinic, lead_event(EventName.LEAD_OPTED_OUT, lead, at))


def _silence_channel(session: Session, actor: Actor, lead: Lead, channel: LeadChannel, *, at: datetime) -> None:
    """As `silence`, by one channel: rules that hear of an opt-out hear of one from everything only."""
    lead.opted_out_channels = [*lead.opted_out_channels, channel]
    count_opt_out(session, lead.clinic_id, lead.id, at=at, channel=channel)
    of_way = [address for address in addresses_of(lead) if address[0] is WAY_OF[channel]]
    suppress_addresses(session, lead.clinic_id, of_way, reason=OPTED_OUT)
    touch(lead, actor, at)
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, notes=f"Opted out of messages by {channel}.")
    stop_messages(session, lead.id, channel, Reason.OPTED_OUT_OF_CHANNEL)
