"""To which rule or sequence an opt-out is put down: the one whose message the lead had last."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.clock import now
from app.engine.events.events import EventName
from app.engine.models import Reason
from app.engine.service import record
from app.engine.statistics.outcome_statistics import Series, count
from app.identity.actor import Actor
from app.leads.facts.events import lead_event
from app.leads.lookup import get_lead
from app.leads.models import Lead
from app.leads.pipeline.progress import touch
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy.suppression_list import OPTED_OUT, addresses_of, suppress_addresses
from app.messaging.delivery.suppression import stop_messages
from app.messaging.models import IS_TOUCH, TOUCHED_AT

ANSWERS_WITHIN: Final = timedelta(days=7)  # who opts out later, does so for other reasons

_LAST: Final = text(
    f"SELECT series FROM notifications WHERE lead_id = :lead AND {IS_TOUCH} AND {TOUCHED_AT} > :since"  # noqa: S608
    " AND (CAST(:channel AS text) IS NULL OR channel = :channel)"
    f" ORDER BY {TOUCHED_AT} DESC LIMIT 1"
)


def count_opt_out(
    session: Session, clinic_id: UUID, lead_id: UUID, *, at: datetime, channel: str | None = None
) -> None:
    """Count it for the series of the lead's last message, by that channel if one is named; else for none."""
    asked = {"lead": lead_id, "since": at - ANSWERS_WITHIN, "channel": channel}
    if slug := session.scalar(_LAST, asked):
        count(session, {Series(clinic_id, slug): Counter(opted_out=1)})


def opt_out(session: Session, actor: Actor, lead_id: UUID, *, channel: str | None = None) -> Lead:
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


def silence(session: Session, actor: Actor, lead: Lead, *, at: datetime) -> None:
    """Send nothing more to a lead that is locked for it, nor to whoever else has its addresses, now or later."""
    lead.opted_out_at = at
    count_opt_out(session, lead.clinic_id, lead.id, at=at)
    suppress_addresses(session, lead.clinic_id, addresses_of(lead), reason=OPTED_OUT)
    touch(lead, actor, at)
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, notes="Opted out of messages.")
    record(session, actor.clinic, lead_event(EventName.LEAD_OPTED_OUT, lead, at))


def _silence_channel(session: Session, actor: Actor, lead: Lead, channel: str, *, at: datetime) -> None:
    """As `silence`, by one channel: rules that hear of an opt-out hear of one from everything only."""
    lead.opted_out_channels = [*lead.opted_out_channels, channel]
    count_opt_out(session, lead.clinic_id, lead.id, at=at, channel=channel)
    of_way = [address for address in addresses_of(lead) if address[0] is CHANNELS.suppressed_by(channel)]
    suppress_addresses(session, lead.clinic_id, of_way, reason=OPTED_OUT)
    touch(lead, actor, at)
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, notes=f"Opted out of messages by {channel}.")
    stop_messages(session, lead.id, channel, Reason.OPTED_OUT_OF_CHANNEL)
