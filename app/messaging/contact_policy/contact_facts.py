"""What the gate has to know of the leads that are about to be written to, for many at once."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.identity.clinic_context import ClinicContext
from app.leads.contact.location import days_off_of, places_of
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy.facts import Known, Touch
from app.messaging.contact_policy.history import History, Wanted, histories
from app.messaging.contact_policy.suppression_list import Address, find_suppressed


class Writing(NamedTuple):
    """A message that is about to go to a lead: a `Lead`, or a row with what is asked below."""

    lead: Any
    clinic: ClinicContext
    touch: Touch


def address_for(lead: Any, channel: str) -> str | None:
    """Where a message by this channel would reach the lead, as the suppression list may know it; None: nowhere."""
    reach = CHANNELS.for_leads(channel)
    return reach.address(lead) if reach else None


def load_known(
    session: Session,
    writings: Sequence[Writing],
    *,
    now: datetime,
    but_steps: Collection[UUID] = (),
    but: Collection[UUID] = (),
    is_handed_over: bool = False,
) -> list[Known]:
    """Of each in its order; two queries at most. `but_steps` and `but` are the messages' own, which count for nothing.

    `is_handed_over`: they are written already, and what waits like them is not in their way.
    """
    suppressed = find_suppressed(session, [address for one in writings if (address := _address(one))])
    wanted = _wanted(writings, now, is_handed_over=is_handed_over)
    past = histories(session, wanted, but_steps=but_steps, but=but, is_handed_over=is_handed_over)
    return [
        known_of(one, past.get(one.lead.id, History()), is_suppressed=_address(one) in suppressed) for one in writings
    ]


def _address(one: Writing) -> tuple[UUID, Address] | None:
    way = CHANNELS.suppressed_by(one.touch.channel)
    return (one.clinic.id, (way, one.touch.address)) if way and one.touch.address else None


def _wanted(writings: Sequence[Writing], now: datetime, *, is_handed_over: bool) -> Wanted:
    """What went to a lead matters where its clinic counts it; what is planned, where one of several has to give way."""
    wanted = Wanted()
    for lead, clinic, touch in writings:
        policy = clinic.policy
        if touch.is_transactional or not policy.counts_touches:
            continue
        wanted.most = max(wanted.most, policy.most_counted)
        if policy.looks_back:
            wanted.since[lead.id] = now - policy.looks_back
        if policy.per_sequence_cap and touch.series:
            wanted.series.add((lead.id, touch.series))
        if policy.window and not is_handed_over:
            wanted.until[lead.id] = now + policy.window
    return wanted


def known_of(one: Writing, history: History, *, is_suppressed: bool) -> Known:
    """What is known of the lead that is written to, where that went to it before."""
    lead, clinic = one.lead, one.clinic
    return Known(
        clinic.calendar,
        clinic.policy,
        places=places_of(lead.timezone, lead.phone, clinic.calendar.zone),
        days_off=frozenset() if clinic.policy.holidays else days_off_of(lead.phone, lead.state),
        opted_out_at=lead.opted_out_at,
        opted_out_channels=lead.opted_out_channels,
        restricted_at=lead.restricted_at,
        replied_at=lead.replied_at,
        is_suppressed=is_suppressed,
        gone=history.gone,
        ahead=history.ahead,
    )
