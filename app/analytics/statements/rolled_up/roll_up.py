"""Sweep: count the leads of past days and months, and count them again after changes."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app import clock
from app.analytics.periods import days_from
from app.analytics.statements.business_time import OpeningTime
from app.analytics.statements.rolled_up.entries_sql import ADD_ENTRIES, ADD_MONTH_ENTRIES, FORGET_ENTRIES
from app.analytics.statements.rolled_up.roll_up_sql import (
    ADD_COUNTS,
    ADD_MONTH_COUNTS,
    ADD_MONTH_STAYS,
    ADD_STAYS,
    CHANGED_DAYS,
    COMPLETE_MONTHS,
    FORGET_CHANGES,
    FORGET_CLINIC,
    FORGET_COUNTS,
    FORGET_GROUPS,
    FORGET_OTHER_CHANGES,
    FORGET_STAYS,
    NEXT_CLINIC,
    SAVE_SPANS,
    SAVE_STARTS,
)
from app.analytics.statements.rolled_up.spans import Range, arrays_of
from app.analytics.statements.rolled_up.stays import pack, unpack
from app.core.calendar.calendar import Calendar
from app.core.calendar.months import add_months
from app.core.db import AnyRow
from app.core.type_aliases import JsonDict
from app.identity.clinics import load_context

NAME: Final = "roll_up_leads"
SETTLED: Final = timedelta(hours=24)  # after its end; the trigger notes changes of leads that are half as old
DAYS_AT_ONCE: Final = 62
_LONGEST_DAY: Final = timedelta(hours=25)


def roll_up_next_clinic(session: Session) -> int:
    """Count the changed days and the next past days of a clinic. Returns the number of days; 0 if all are counted."""
    clinic = session.execute(NEXT_CLINIC, {"settled": clock.now() - SETTLED - _LONGEST_DAY}).one_or_none()
    if clinic is None:
        return 0
    if clinic.is_outdated:  # its days have other ends now, or other opening hours
        for statement in FORGET_CLINIC:
            session.execute(statement, {"clinic": clinic.id})
        return 1
    settled = min(clock.now(), clinic.database_time) - SETTLED
    calendar = load_context(session, clinic.id).calendar
    days = [*_changed_days(session, clinic.id), *_new_days(calendar, clinic, settled)]
    session.execute(FORGET_OTHER_CHANGES, {"clinic": clinic.id})
    if days:
        _roll_up(session, clinic, calendar, days)
    return max(len(days), 1)


def _changed_days(session: Session, clinic_id: UUID) -> list[Range]:
    found = session.execute(CHANGED_DAYS, {"clinic": clinic_id, "most": DAYS_AT_ONCE})
    return [Range(*row) for row in found]


def _new_days(calendar: Calendar, clinic: AnyRow, settled: datetime) -> list[Range]:
    """Return the next days that are over, from the month of the first lead on."""
    if clinic.rolled_up_to is None and clinic.first_lead_at is None:
        return []
    since = clinic.rolled_up_to or clinic.first_lead_at
    first = calendar.local(since).date()
    days = days_from(first if clinic.rolled_up_to else first.replace(day=1), calendar)
    return [Range(day.since, day.until) for day in islice(days, DAYS_AT_ONCE) if day.until <= settled]


def _start_of(calendar: Calendar, day: date) -> datetime:
    return calendar.at_wall_time(day, time.min)


def _roll_up(session: Session, clinic: AnyRow, calendar: Calendar, days: Sequence[Range]) -> None:
    """Count the days and their months. A change that is committed meanwhile keeps its note, and counts them again."""
    at = clock.now()
    of_clinic = {
        "clinic": clinic.id,
        "timezone": calendar.zone.key,
        "opening_hash": clinic.opening_hash,
        "now": at,
        **OpeningTime(calendar, min(day.since for day in days), at).arrays,
    }
    session.execute(FORGET_CHANGES, {**of_clinic, **arrays_of(days)})
    ids = list(session.scalars(SAVE_SPANS, {**of_clinic, **arrays_of(days), "is_month": False}))
    unused = set(session.scalars(FORGET_COUNTS, {"ids": ids}))
    session.execute(ADD_COUNTS, {**of_clinic, "ids": ids, **arrays_of(days)})
    session.execute(FORGET_STAYS, {"ids": ids})
    session.execute(ADD_STAYS, {**of_clinic, "ids": ids, **arrays_of(days)})
    session.execute(FORGET_ENTRIES, {"ids": ids})
    session.execute(ADD_ENTRIES, {**of_clinic, "ids": ids, **arrays_of(days)})
    unused.update(_add_up_months(session, of_clinic, _months_of(calendar, days)))
    if unused:
        session.execute(FORGET_GROUPS, {**of_clinic, "ids": list(unused)})


def _add_up_months(session: Session, of_clinic: JsonDict, months: Sequence[Range]) -> Collection[int]:
    """Count the months of which all days are counted. Returns the groups that they had before."""
    complete = [Range(*row) for row in session.execute(COMPLETE_MONTHS, {**of_clinic, **arrays_of(months)})]
    if not complete:
        return ()
    ids = list(session.scalars(SAVE_SPANS, {**of_clinic, **arrays_of(complete), "is_month": True}))
    before = session.scalars(FORGET_COUNTS, {"ids": ids}).all()
    session.execute(ADD_MONTH_COUNTS, {**of_clinic, "ids": ids})
    _add_month_stays(session, of_clinic["clinic"], ids)
    session.execute(FORGET_ENTRIES, {"ids": ids})
    session.execute(ADD_MONTH_ENTRIES, {"clinic": of_clinic["clinic"], "ids": ids})
    return before


def _add_month_stays(session: Session, clinic_id: UUID, ids: Sequence[int]) -> None:
    """Add up the time in stages of the days of months, and put the starts of each month in order."""
    session.execute(FORGET_STAYS, {"ids": ids})
    added = session.execute(ADD_MONTH_STAYS, {"clinic": clinic_id, "ids": ids}).all()
    if in_order := [
        {"span": span_id, "stage": stage, "starts": pack(sorted(unpack("q", starts)))}
        for span_id, stage, starts in added
        if starts
    ]:
        session.execute(SAVE_STARTS, in_order)


def _months_of(calendar: Calendar, days: Sequence[Range]) -> list[Range]:
    firsts = sorted({calendar.local(day.since).date().replace(day=1) for day in days})
    return [Range(_start_of(calendar, first), _start_of(calendar, add_months(first, 1))) for first in firsts]
