"""Contacts by hour from the timeline, and the best times of leads.

Calls to a lead count, and whether they reached a person; and answers of the lead. Opens and clicks never count, because
programs cause them. Hours are those of the lead's time zone, else of the clinic's.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core.db import AnyRow, first_id_at
from app.leads.facts.best_time.estimate import (
    BestTimes,
    Contacts,
    Counts,
    Part,
    Slot,
    add_up,
    counts_from_json,
    counts_to_json,
    estimate,
)
from app.leads.facts.best_time.models import ContactHours
from app.leads.models import Lead
from app.leads.timeline.models import ANSWERED, Outcome

HISTORY: Final = timedelta(days=365)
_REACHED: Final = sorted(ANSWERED)
_UNREACHED: Final = [Outcome.NO_ANSWER.value, Outcome.VOICEMAIL.value]  # a wrong number says nothing about the hour

_LOCAL: Final = "a.occurred_at AT TIME ZONE coalesce(l.timezone, c.timezone)"
_ANSWERS: Final = (
    "a.direction IS NOT DISTINCT FROM 'INBOUND' AND a.type IN ('PHONE_CALL', 'EMAIL', 'SMS') AND NOT a.is_auto_reply"
    " AND a.counts_as IS NULL"
)
_CALLS: Final = (
    "a.type = 'PHONE_CALL' AND a.direction IS DISTINCT FROM 'INBOUND'"
    " AND a.outcome = ANY(CAST(:reached AS text[]) || CAST(:unreached AS text[]))"
)
_COUNTS: Final = (
    f"SELECT {{key}} AS key, extract(isodow FROM {_LOCAL}) > 5 AS is_weekend,"  # noqa: S608  (ours)
    f" extract(hour FROM {_LOCAL})::int AS hour,"
    f" count(*) FILTER (WHERE NOT ({_ANSWERS})) AS tried, count(*) FILTER (WHERE {_ANSWERS}) AS answers,"
    f" count(*) FILTER (WHERE NOT ({_ANSWERS}) AND a.outcome = ANY(CAST(:reached AS text[]))) AS reached"
    " FROM lead_activities a JOIN leads l ON l.id = a.lead_id JOIN clinics c ON c.id = l.clinic_id"
    f" WHERE {{which}} AND ({_ANSWERS} OR {_CALLS}) GROUP BY 1, 2, 3"
)
_OF_LEADS: Final = text(_COUNTS.format(key="a.lead_id", which="a.lead_id = ANY(:leads)"))
_OF_SOURCES: Final = text(_COUNTS.format(key="l.source_id", which="a.clinic_id = :clinic AND a.id >= :since"))


def best_times_of(session: Session, lead_ids: Collection[UUID]) -> dict[UUID, BestTimes]:
    """Return the best times of leads by id. Missing leads are left out."""
    ids = list(lead_ids)
    leads = session.execute(select(Lead.id, Lead.clinic_id, Lead.source_id).where(Lead.id.in_(ids))).all()
    own = _by_key(_count(session, _OF_LEADS, leads=ids))
    segments = _segments(session, {row.clinic_id for row in leads})
    found = {}
    for lead in leads:
        source, clinic = ((lead.clinic_id, segment) for segment in (lead.source_id, lead.clinic_id))
        found[lead.id] = estimate(own.get(lead.id, {}), segments.get(source, {}), segments.get(clinic, {}))
    return found


def best_hours_of(session: Session, lead_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Return the best hours of leads, the best first, such as `weekday 17`; none if no hour is likely the best."""
    return {id_: [str(one.slot) for one in best.best] for id_, best in best_times_of(session, lead_ids).items()}


def best_hours_of_clinic(session: Session, clinic_id: UUID) -> list[str]:
    """Return the best hours of a lead without contacts and of an unknown source."""
    counts = _segments(session, {clinic_id}).get((clinic_id, clinic_id), {})
    return [str(one.slot) for one in estimate({}, {}, counts).best]


def learn_contact_hours(session: Session, clinic_id: UUID, *, at: datetime) -> None:
    """Count the contacts of the past year anew, of the clinic and of each source."""
    rows = _count(session, _OF_SOURCES, clinic=clinic_id, since=first_id_at(at - HISTORY))
    counts = {**_by_key(rows), clinic_id: add_up((_slot(row), _contacts(row)) for row in rows)}
    values = [
        {"clinic_id": clinic_id, "segment_id": segment, "counts": counts_to_json(one), "learned_at": at}
        for segment, one in counts.items()
    ]
    statement = insert(ContactHours)
    changes = {name: statement.excluded[name] for name in ("counts", "learned_at")}
    session.execute(statement.on_conflict_do_update(index_elements=["clinic_id", "segment_id"], set_=changes), values)


def _count(session: Session, statement: Any, **which: object) -> list[AnyRow]:
    return list(session.execute(statement, {"reached": _REACHED, "unreached": _UNREACHED, **which}).all())


def _by_key(rows: Iterable[AnyRow]) -> dict[UUID, Counts]:
    found: dict[UUID, dict[Slot, Contacts]] = {}
    for row in rows:
        found.setdefault(row.key, {})[_slot(row)] = _contacts(row)
    return dict(found)


def _segments(session: Session, clinics: Collection[UUID]) -> Mapping[tuple[UUID, UUID], Counts]:
    rows = session.execute(select(ContactHours.__table__).where(ContactHours.clinic_id.in_(clinics)))
    return {(row.clinic_id, row.segment_id): counts_from_json(row.counts) for row in rows}


def _slot(row: AnyRow) -> Slot:
    return Slot(Part.WEEKEND if row.is_weekend else Part.WEEKDAY, row.hour)


def _contacts(row: AnyRow) -> Contacts:
    return Contacts(row.tried, row.reached, row.answers)
