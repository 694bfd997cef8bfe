"""Load the facts that the contact gate needs about leads, for many leads at once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.identity.clinic_context import ClinicContext
from app.leads.contact.location import public_holidays_of, time_zones_of
from app.messaging.channels.base import LeadContact
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy.gate_input import ContactAttempt, ContactFacts
from app.messaging.contact_policy.history import History, HistoryQuery, load_histories
from app.messaging.contact_policy.suppression_list import Address, find_suppressed

_LAST_INBOUND: Final = text(
    "SELECT lead_id, channel, max(received_at) AS at FROM inbound_texts"
    " WHERE lead_id = ANY(:leads) AND channel = ANY(:channels) GROUP BY lead_id, channel"
)
_QUESTIONS: Final = text(
    "SELECT lead_id, max(decide_by) AS decide_by FROM ("
    "SELECT lead_id, decide_by FROM inbound_emails WHERE lead_id = ANY(:leads) AND decide_by IS NOT NULL UNION ALL"
    " SELECT lead_id, decide_by FROM inbound_texts WHERE lead_id = ANY(:leads) AND decide_by IS NOT NULL"
    ") AS asked GROUP BY lead_id"
)


class ContactedLead(LeadContact, Protocol):
    """The columns of a lead that the contact gate needs: of a `Lead`, or of a row with them."""

    @property
    def id(self) -> UUID: ...
    @property
    def timezone(self) -> str | None: ...
    @property
    def state(self) -> str | None: ...
    @property
    def opted_out_at(self) -> datetime | None: ...
    @property
    def opted_out_channels(self) -> Collection[str]: ...
    @property
    def restricted_at(self) -> datetime | None: ...
    @property
    def replied_at(self) -> datetime | None: ...


class AttemptContext(NamedTuple):
    """A contact attempt with its lead and clinic."""

    lead: ContactedLead
    clinic: ClinicContext
    attempt: ContactAttempt


def address_for(lead: LeadContact, channel: str) -> str | None:
    """Return the lead's address on this channel, as the suppression list knows it; None if there is none."""
    for_leads = CHANNELS.for_leads(channel)
    return for_leads.address(lead) if for_leads else None


def load_contact_facts(
    session: Session,
    attempts: Sequence[AttemptContext],
    *,
    now: datetime,
    exclude_steps: Collection[UUID] = (),
    exclude_notifications: Collection[UUID] = (),
    is_handed_over: bool = False,
) -> list[ContactFacts]:
    """Return the facts for each contact attempt, in the same order, with at most three queries.

    Channels with sessions need one more.

    `exclude_steps` and `exclude_notifications` are the ids of the attempts' own steps and notifications, which do not
    count. If `is_handed_over`, the messages are already written, and other pending messages do not count.
    """
    suppressed = find_suppressed(
        session, [address for context in attempts for address in suppressed_by(context.clinic.id, context.attempt)]
    )
    inbound = _last_inbound(session, attempts)
    questions = open_questions(
        session, {context.lead.id for context in attempts if not context.attempt.is_transactional}
    )
    query = _history_query(attempts, now, is_handed_over=is_handed_over)
    by_lead = load_histories(
        session,
        query,
        exclude_steps=exclude_steps,
        exclude_notifications=exclude_notifications,
        is_handed_over=is_handed_over,
    )
    return [
        build_contact_facts(
            context,
            by_lead.get(context.lead.id, History()),
            is_suppressed=any(address in suppressed for address in suppressed_by(context.clinic.id, context.attempt)),
            last_inbound_at=inbound.get((context.lead.id, context.attempt.channel)),
            decide_by=questions.get(context.lead.id),
        )
        for context in attempts
    ]


def suppressed_by(clinic_id: UUID, attempt: ContactAttempt) -> list[tuple[UUID, Address]]:
    """Return the entries of the suppression list that stop the message: of its address, and of it on this channel."""
    for_leads, address = CHANNELS.for_leads(attempt.channel), attempt.address
    if for_leads is None or not address:
        return []
    return [
        (clinic_id, (for_leads.suppressed_by, entry))
        for entry in dict.fromkeys((address, for_leads.unreachable_as(address)))
    ]


def _last_inbound(session: Session, attempts: Sequence[AttemptContext]) -> Mapping[tuple[UUID, str], datetime]:
    """Return the time of the lead's last message by lead id and channel, for attempts on channels with sessions."""
    asked = {
        (context.lead.id, context.attempt.channel) for context in attempts if CHANNELS.session(context.attempt.channel)
    }
    return last_inbound(session, asked) if asked else {}


def open_questions(session: Session, lead_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
    """Return when the last open question about a message of each lead is decided, for leads with an open one."""
    found = session.execute(_QUESTIONS, {"leads": list(lead_ids)}) if lead_ids else ()
    return {row.lead_id: row.decide_by for row in found}


def last_inbound(session: Session, asked: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], datetime]:
    """Return the time of the last message that arrived, by lead id and channel. Pairs without one are left out."""
    leads, channels = {lead_id for lead_id, _ in asked}, {channel for _, channel in asked}
    found = session.execute(_LAST_INBOUND, {"leads": list(leads), "channels": list(channels)})
    return {(row.lead_id, row.channel): row.at for row in found}


def _history_query(attempts: Sequence[AttemptContext], now: datetime, *, is_handed_over: bool) -> HistoryQuery:
    """Return the part of the leads' history that their clinics' policies need.

    Sent messages are needed for caps and intervals, planned messages for the window between messages.
    """
    query = HistoryQuery()
    for lead, clinic, attempt in attempts:
        policy = clinic.policy
        if attempt.is_transactional or not policy.counts_touches:
            continue
        query.most = max(query.most, policy.most_counted)
        if policy.looks_back:
            query.since[lead.id] = now - policy.looks_back
        if policy.per_sequence_cap and attempt.series:
            query.series.add((lead.id, attempt.series))
        if policy.window and not is_handed_over:
            query.until[lead.id] = now + policy.window
    return query


def build_contact_facts(
    context: AttemptContext,
    history: History,
    *,
    is_suppressed: bool,
    last_inbound_at: datetime | None = None,
    decide_by: datetime | None = None,
) -> ContactFacts:
    """Build the facts about the lead of a contact attempt from its history."""
    lead, clinic = context.lead, context.clinic
    return ContactFacts(
        clinic.calendar,
        clinic.policy,
        places=time_zones_of(lead.timezone, lead.phone, clinic.calendar.zone),
        days_off=frozenset() if clinic.policy.holidays else public_holidays_of(lead.phone, lead.state),
        opted_out_at=lead.opted_out_at,
        opted_out_channels=lead.opted_out_channels,
        restricted_at=lead.restricted_at,
        replied_at=lead.replied_at,
        is_suppressed=is_suppressed,
        sent=history.sent,
        planned=history.planned,
        last_inbound_at=last_inbound_at,
        decide_by=decide_by,
    )
