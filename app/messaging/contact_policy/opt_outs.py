"""Opt-outs of leads. An opt-out is attributed to the rule or sequence of the lead's last message."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.ports import Listeners
from app.engine.events.events import Event, EventName
from app.engine.models import Reason
from app.engine.service import record
from app.engine.statistics.outcome_statistics import Series, add_counts
from app.identity.actor import Actor
from app.leads.events import lead_event
from app.leads.models import Lead
from app.leads.pipeline.lead_state import mark_updated
from app.leads.search.lookup import get_lead
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy.suppression_list import OPTED_OUT, addresses_of, suppress_addresses
from app.messaging.delivery.suppression import suppress_channel
from app.messaging.models import CONTACTED_AT, IS_CONTACT

# Called in the same transaction, after a lead opted out of a channel. The lead is locked: its id and all its channels.
channel_opted_out: Listeners[[Session, UUID, Sequence[str]]] = Listeners("channel_opted_out")

ATTRIBUTION_WINDOW: Final = timedelta(days=7)  # a later opt-out is not attributed to the last message

_LAST_SERIES: Final = text(
    f"SELECT series FROM notifications WHERE lead_id = :lead AND {IS_CONTACT} AND {CONTACTED_AT} > :since"  # noqa: S608
    " AND (CAST(:channel AS text) IS NULL OR channel = :channel)"
    f" ORDER BY {CONTACTED_AT} DESC LIMIT 1"
)


def count_opt_out(
    session: Session, clinic_id: UUID, lead_id: UUID, *, at: datetime, channel: str | None = None
) -> None:
    """Count the opt-out for the series of the lead's last message within seven days.

    If a channel is given, only messages by it are considered. Without a message nothing is counted.
    """
    asked = {"lead": lead_id, "since": at - ATTRIBUTION_WINDOW, "channel": channel}
    if slug := session.scalar(_LAST_SERIES, asked):
        add_counts(session, {Series(clinic_id, slug): Counter(opted_out=1)})


def opt_out(session: Session, actor: Actor, lead_id: UUID, *, channel: str | None = None) -> Lead:
    """Opt a lead out of all messages, or of those by one channel. Repeating it changes nothing.

    It is allowed in every state of a lead. Raises NotFound.
    """
    lead = get_lead(session, actor, lead_id, lock=True)
    if lead.opted_out_at is not None or channel in lead.opted_out_channels:
        return lead
    if channel is None:
        apply_opt_out(session, actor, lead, at=now())
    else:
        _apply_channel_opt_out(session, actor, lead, channel, at=now())
    return lead


def apply_opt_out(session: Session, actor: Actor, lead: Lead, *, at: datetime) -> None:
    """Opt a locked lead out of all messages and put its addresses on the suppression list.

    Other leads with the same addresses, now or later, get no messages either.
    """
    count_opt_out(session, lead.clinic_id, lead.id, at=at)
    suppress_addresses(session, lead.clinic_id, addresses_of(lead), reason=OPTED_OUT)
    opted_out = set_opted_out(lead, actor, at=at)
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, notes="Opted out of messages.")
    record(session, actor.clinic, opted_out)


def set_opted_out(lead: Any, actor: Actor, *, at: datetime) -> Event:
    """Set the opt-out of a lead (a `Lead`, or an object with its columns). Returns the event to record."""
    lead.opted_out_at = at
    mark_updated(lead, actor, at)
    return lead_event(EventName.LEAD_OPTED_OUT, lead, at)


def _apply_channel_opt_out(session: Session, actor: Actor, lead: Lead, channel: str, *, at: datetime) -> None:
    """Opt a locked lead out of one channel.

    It records no LEAD_OPTED_OUT event: rules listen only to opt-outs of all messages.
    """
    lead.opted_out_channels = [*lead.opted_out_channels, channel]
    count_opt_out(session, lead.clinic_id, lead.id, at=at, channel=channel)
    addresses = [address for address in addresses_of(lead) if address[0] is CHANNELS.suppressed_by(channel)]
    suppress_addresses(session, lead.clinic_id, addresses, reason=OPTED_OUT)
    mark_updated(lead, actor, at)
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, notes=f"Opted out of messages by {channel}.")
    suppress_channel(session, lead.id, channel, Reason.OPTED_OUT_OF_CHANNEL)
    channel_opted_out(session, lead.id, lead.opted_out_channels)
