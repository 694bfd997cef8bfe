"""What the gate asks about the leads that a batch writes to, loaded for all of its steps together."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.automation.clinic import ClinicContext
from app.automation.events import EventName
from app.automation.models import Kind
from app.leads.models import Lead
from app.leads.place import days_off_of, places_of
from app.notifications.gate_facts import PRIORITY, Gone, Known, Touch
from app.notifications.history import History, Wanted, histories
from app.notifications.models import WAY_OF
from app.notifications.suppression_list import Address, find_suppressed
from app.sealed import open_fields
from workers.claim import lead_of
from workers.outcomes import Ended


class Reach(NamedTuple):
    """A step's message to its lead, and what is known of the lead: what the gate is asked."""

    touch: Touch
    known: Known


class _Writing(NamedTuple):
    """A step that writes to its lead, and how that can be reached."""

    row: Row[Any]
    lead: Any
    clinic: ClinicContext
    touch: Touch
    phone: str | None


def load_reach(
    session: Session,
    rows: Sequence[Row[Any]],
    clinics: Mapping[UUID, ClinicContext],
    notes: Mapping[str, Any],
    *,
    now: datetime,
) -> Mapping[UUID, Reach]:
    """By step, for those that write to their lead. Two queries at most, none where no step does."""
    writings = [_writing(row, clinics[row.clinic_id], _note_of(row, notes)) for row in rows if _is_to_lead(row, notes)]
    suppressed = find_suppressed(session, [address for one in writings if (address := _address(one))])
    past = histories(
        session,
        _wanted(writings, now),
        but_steps=[row.id for row in rows],
        but=[note.id for one in writings if (note := _note_of(one.row, notes))],
        is_handed_over=any(one.row.kind == Kind.DELIVER for one in writings),
    )
    return {one.row.id: Reach(one.touch, _known(one, suppressed, past)) for one in writings}


def _is_to_lead(row: Row[Any], notes: Mapping[str, Any]) -> bool:
    if row.kind == Kind.DELIVER:
        note = _note_of(row, notes)
        return note is not None and note.user_id is None
    return Kind(row.kind) is Kind.SEND_MESSAGE


def _note_of(row: Row[Any], notes: Mapping[str, Any]) -> Any:
    return notes.get(row.params.get("notification_id"))


def _writing(row: Row[Any], clinic: ClinicContext, note: Any) -> _Writing:
    """One that is written already goes to the address it was written to."""
    lead = lead_of(row)
    reached = open_fields(Lead, lead.id, lead.sealed)
    touch = Touch(
        channel=note.channel if note else row.params["channel"],
        address=note.address if note else reached["email"],
        planned_at=note.created_at if note else row.created_at,
        series=note.series if note else series_of(row),
        priority=priority_of(row),
        is_transactional=bool(row.params.get("transactional")),
        stops_at_reply=EventName.LEAD_REPLIED in row.stop_on,
    )
    return _Writing(row, lead, clinic, touch, reached["phone"])


def series_of(step: Any) -> str | None:
    """The rule or sequence that a step belongs to: their messages are counted together."""
    series: str | None = step.cause.get("sequence") or step.cause.get("rule")
    return series


def priority_of(step: Any) -> int:
    """How much a step matters: 1 the most."""
    priority: int = step.cause.get("priority", PRIORITY)
    return priority


def gone_to_lead(end: Ended) -> list[Gone]:
    """The messages to its lead that a step wrote."""
    return [Gone(note["created_at"], note["series"]) for note in end.effects.notifications if note["user_id"] is None]


def _address(one: _Writing) -> tuple[UUID, Address] | None:
    way = WAY_OF.get(one.touch.channel)
    return (one.row.clinic_id, (way, one.touch.address)) if way and one.touch.address else None


def _wanted(writings: Sequence[_Writing], now: datetime) -> Wanted:
    """What went to a lead matters where its clinic counts it; what is planned, where one of several has to give way."""
    wanted = Wanted()
    for row, lead, clinic, touch, _ in writings:
        policy = clinic.policy
        if touch.is_transactional or not policy.counts_touches:
            continue
        wanted.most = max(wanted.most, policy.most_counted)
        if policy.looks_back:
            wanted.since[lead.id] = now - policy.looks_back
        if policy.per_sequence_cap and touch.series:
            wanted.series.add((lead.id, touch.series))
        if policy.window and row.kind == Kind.SEND_MESSAGE:
            wanted.until[lead.id] = now + policy.window
    return wanted


def _known(one: _Writing, suppressed: Collection[tuple[UUID, Address]], past: Mapping[UUID, History]) -> Known:
    lead, clinic, history = one.lead, one.clinic, past.get(one.lead.id, History())
    return Known(
        clinic.calendar,
        clinic.policy,
        places=places_of(lead.timezone, one.phone, clinic.calendar.zone),
        days_off=frozenset() if clinic.policy.holidays else days_off_of(one.phone, lead.state),
        opted_out_at=lead.opted_out_at,
        opted_out_channels=lead.opted_out_channels,
        restricted_at=lead.restricted_at,
        replied_at=lead.replied_at,
        is_suppressed=_address(one) in suppressed,
        gone=history.gone,
        ahead=history.ahead,
    )
