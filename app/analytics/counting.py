"""Count the leads of measures: one statement for each event, whatever the number of measures and rows."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import ARRAY, ColumnElement, and_, cast, func, literal, select
from sqlalchemy.orm import Session

from app.analytics.business_time import OpeningTime
from app.analytics.measures import Event, Measure, Value
from app.analytics.periods import Days, edges_of
from app.analytics.report import Report
from app.clock import now
from app.core.db import AnyRow
from app.identity.permissions import Permission
from app.leads.models import Lead
from app.leads.search.filters import filter_conditions
from app.leads.search.history_filters import has_entered
from app.leads.search.listing import lead_conditions
from app.leads.search.lookup import visible_to


class Dimension(StrEnum):
    """Columns of leads by which a report has rows."""

    SOURCE = "source_id"
    COORDINATOR = "assigned_to_id"
    LOST_REASON = "lost_reason"


class Cell(NamedTuple):
    """A row and a bucket of a report. `key` is None for leads without a value, and in a report without rows."""

    key: Any
    bucket: int  # 0 in a report without buckets


Counts = Mapping[Cell, Mapping[Measure, Any]]

_SECONDS_A_DAY: Final = 86_400
_SECONDS_A_MINUTE: Final = 60
# The share, and whether only business time counts.
_PERCENTILES: Final[Mapping[Value, tuple[float, bool]]] = {
    Value.MINUTES_MEDIAN: (0.5, False),
    Value.MINUTES_P90: (0.9, False),
    Value.BUSINESS_MEDIAN: (0.5, True),
    Value.BUSINESS_P90: (0.9, True),
}
_TIMES: Final[Mapping[Event, Any]] = {
    Event.CREATED: Lead.created_at,
    Event.CONVERTED: Lead.converted_at,
    Event.LOST: Lead.lost_at,
}


def count(
    session: Session,
    report: Report,
    measures: Collection[Measure],
    *,
    dimension: Dimension | None = None,
    buckets: Sequence[Days] = (),
) -> Counts:
    """Return the values of all measures by cell. A cell without any lead is missing."""
    families: defaultdict[tuple[Event, str | None], list[Measure]] = defaultdict(list)
    for measure in dict.fromkeys(measures):
        families[measure.event, measure.entered].append(measure)
    found: defaultdict[Cell, dict[Measure, Any]] = defaultdict(dict)
    shared = visible_leads(session, report)
    for family in families.values():
        for row in session.execute(_statement(report, family, shared, dimension=dimension, buckets=buckets)):
            found[Cell(row.key, row.bucket)].update(_values(family, row))
    return found


def visible_leads(session: Session, report: Report) -> list[ColumnElement[bool]]:
    """Return the conditions for leads that the caller may see, in lists and in analytics, and that pass the filters."""
    reader = report.actor.within(Permission.LEAD_READ)
    return [*visible_to(report.actor), *lead_conditions(session, reader, report.filters)]


def _values(family: Iterable[Measure], row: AnyRow) -> dict[Measure, Any]:
    return dict(zip(family, row[2:], strict=True))


def _statement(
    report: Report,
    family: Sequence[Measure],
    shared: Sequence[ColumnElement[bool]],
    *,
    dimension: Dimension | None,
    buckets: Sequence[Days],
) -> Any:
    """Return the statement for measures of the same event: key, bucket, and one column for each measure."""
    event = family[0].event
    entered = has_entered(report.actor.clinic.id, family[0].entered or "", report.days.since, report.days.until)
    entries = entered.subquery("entered")
    at = entries.c.at if event is Event.ENTERED else _TIMES[event]
    key = getattr(Lead, dimension) if dimension else literal(None)
    bucket = _bucket(at, buckets)
    columns = [_column(report, measure) for measure in family]
    found = select(key.label("key"), bucket.label("bucket"), *columns).where(*shared)
    if event is Event.ENTERED:
        found = found.select_from(Lead).join(entries, entries.c.lead_id == Lead.id)
    else:
        span = report.range_of(Measure(event), report.days)
        found = found.where(*filter_conditions(span, report.actor))
    groups = [*([key] if dimension else []), *([bucket] if buckets else [])]
    return found.group_by(*groups) if groups else found


def _bucket(at: Any, buckets: Sequence[Days]) -> ColumnElement[int]:
    if not buckets:
        return literal(0)
    edges = cast(edges_of(buckets), ARRAY(Lead.created_at.type))
    return func.width_bucket(at, edges) - 1


def _column(report: Report, measure: Measure) -> Any:
    value = _aggregate(measure, report)
    limits = {"created_to": _midnight(report)} if measure.mature else {}
    conditions = filter_conditions({**limits, **report.filters_of(measure)}, report.actor)
    return value.filter(and_(*conditions)) if conditions else value


def _midnight(report: Report) -> datetime:
    return Days(report.mature_before, report.mature_before, report.days.calendar).since


def _aggregate(measure: Measure, report: Report) -> Any:
    if measure.value in _PERCENTILES:
        share, is_business = _PERCENTILES[measure.value]
        seconds = _business_seconds(report) if is_business else _seconds(Lead.first_contact_at)
        return func.percentile_cont(share).within_group(seconds / _SECONDS_A_MINUTE)
    # An entry may occur twice, so its leads are counted by their id.
    return _DISTINCT if measure.event is Event.ENTERED else _AGGREGATES[measure.value]


def _business_seconds(report: Report) -> Any:
    open_time = OpeningTime(report.days.calendar, report.days.since, now())
    return open_time.seconds_between(Lead.created_at, Lead.first_contact_at)


def _seconds(at: Any) -> Any:
    """Return the seconds from the lead's creation, at least 0: a contact may be logged with an earlier time."""
    return func.greatest(func.extract("epoch", at - Lead.created_at), 0)


_DISTINCT: Final = func.count(Lead.id.distinct())
# Built once: a report has many.
_AGGREGATES: Final[Mapping[Value, Any]] = {
    Value.LEADS: func.count(),
    Value.MONEY: func.sum(Lead.lead_value),
    Value.DAYS_TO_CONVERT: func.avg(_seconds(Lead.converted_at) / _SECONDS_A_DAY),
    Value.DAYS_TO_LOSS: func.avg(_seconds(Lead.lost_at) / _SECONDS_A_DAY),
}
