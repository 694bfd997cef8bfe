"""The time to first contact: percentiles in elapsed and in business time, and the leads within a target.

Rollups have the time of each lead. Python merges these with the times of the other leads: PostgreSQL would sort the
times once for each level.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Any, Final

from sqlalchemy import ARRAY, Double, Integer, LargeBinary, cast, func, select, text, union_all
from sqlalchemy.orm import Session

from app.analytics.metrics.measures import Event, Measure, Value
from app.analytics.periods import edges_of
from app.analytics.statements.business_time import OpeningTime
from app.analytics.statements.grouped import count_groups
from app.analytics.statements.merged_times import FLOAT_BYTES, Level, Part, merge, percentile
from app.analytics.statements.rolled_up.counted import (
    NotInRollups,
    contact_times,
    filter_on_counts,
    labels_on_counts,
    on_counts,
)
from app.analytics.statements.rolled_up.spans import Range, leads_in, parts_of
from app.analytics.statements.selection import TIMES, WHOLE, Counted, Selection, tests_of
from app.clock import now
from app.leads.models import Lead
from app.leads.search.filters import filter_conditions
from app.leads.timeline.responses import seconds_to_contact

_WITHIN: Final = "first_contact_within"  # the filter with a target in minutes
_ELAPSED: Final = "elapsed"
_SHARES: Final = (0.5, 0.9)
_SECONDS_A_MINUTE: Final = 60
# A plan that does not know how many days and months are read takes five times as long. Until the transaction ends.
_PLAN_EACH_TIME: Final = text("SET LOCAL plan_cache_mode = force_custom_plan")
# The kind of time, and the place of the share.
PERCENTILES: Final[Mapping[Value, tuple[str, int]]] = {
    Value.MINUTES_MEDIAN: (_ELAPSED, 0),
    Value.MINUTES_P90: (_ELAPSED, 1),
    Value.BUSINESS_MEDIAN: ("business", 0),
    Value.BUSINESS_P90: ("business", 1),
}


def is_of_times(measure: Measure) -> bool:
    """Return whether the value follows from the times to first contact."""
    return measure.value in PERCENTILES or (measure.value is Value.LEADS and _target(measure) is not None)


def contacted_leads_of(measure: Measure) -> Measure:
    """Return the measure of the leads of which a measure needs the times: a lead within the target has a contact."""
    filters = (("has_contact", True) if name == _WITHIN else (name, value) for name, value in measure.filters)
    return replace(measure, filters=tuple(filters), value=Value.LEADS)


def count_times(session: Session, selection: Selection, measures: Sequence[Measure]) -> Iterator[Counted]:
    """Return percentiles in minutes, and numbers of leads within a target. The measures have the same contacts."""
    percentiles = [one for one in measures if one.value in PERCENTILES]
    kinds = list(dict.fromkeys([*(PERCENTILES[one.value][0] for one in percentiles), _ELAPSED]))
    merged = _from_parts(session, selection, contacted_leads_of(measures[0]), kinds)
    if merged is None:
        return _from_leads(session, selection, measures, percentiles)
    return (
        Counted(*level, {one: _value(one, {kind: times[level] for kind, times in merged.items()}) for one in measures})
        for level in merged[_ELAPSED]
    )


def _value(measure: Measure, times: Mapping[str, Sequence[float]]) -> float | int | None:
    if measure.value not in PERCENTILES:
        return bisect_right(times[_ELAPSED], (_target(measure) or 0) * _SECONDS_A_MINUTE)
    kind, place = PERCENTILES[measure.value]
    return _in_minutes(percentile(times[kind], _SHARES[place]))


def _target(measure: Measure) -> int | None:
    return next((value for name, value in measure.filters if name == _WITHIN), None)


def _from_leads(
    session: Session, selection: Selection, measures: Sequence[Measure], percentiles: Sequence[Measure]
) -> Iterator[Counted]:
    within = [one for one in measures if one not in percentiles]
    return chain(
        count_groups(session, selection, within) if within else (),
        _count_percentiles(session, selection, percentiles) if percentiles else (),
    )


def _count_percentiles(session: Session, selection: Selection, measures: Sequence[Measure]) -> Iterator[Counted]:
    kinds = list(dict.fromkeys(PERCENTILES[one.value][0] for one in measures))
    for row in session.execute(_statement(selection, measures[0], kinds)):
        key, bucket, is_total, *found = row
        values = dict(zip(kinds, found, strict=True))
        yield Counted(key, bucket, bool(is_total), {one: _pick(one, values) for one in measures})


def _pick(measure: Measure, values: Mapping[str, Sequence[float] | None]) -> float | None:
    kind, place = PERCENTILES[measure.value]
    found = values[kind]
    return None if found is None else _in_minutes(found[place])


def _in_minutes(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / _SECONDS_A_MINUTE


def _from_parts(
    session: Session, selection: Selection, measure: Measure, kinds: Sequence[str]
) -> Mapping[str, Mapping[Level, Sequence[float]]] | None:
    """Return the sorted times by kind, from rollups and from the other leads; None if rollups do not have them."""
    statement = _parts(session, selection, measure, kinds)
    if statement is None:
        return None
    session.execute(_PLAN_EACH_TIME)
    found = [row._asdict() for row in session.execute(statement)]
    if any(len(row[kind] or b"") != row["leads"] * FLOAT_BYTES for row in found for kind in kinds):
        return None  # counted by a version that has no times
    return {kind: _merge(selection, found, kind) for kind in kinds}


def _merge(selection: Selection, rows: Iterable[Mapping[str, Any]], kind: str) -> Mapping[Level, Sequence[float]]:
    parts = [Part(row.get("key"), row.get("bucket", WHOLE), row[kind] or b"") for row in rows]
    return merge(parts, with_totals=selection.with_totals and selection.key is not None)


def _parts(session: Session, selection: Selection, measure: Measure, kinds: Sequence[str]) -> Any:
    """Return the statement for the times of all leads, by row and bucket; None if nothing is read from rollups."""
    report, tests = selection.report, list(tests_of(selection.report, measure))
    if measure.event is not Event.CREATED:
        return None
    try:
        labels = labels_on_counts(selection)
        conditions = [*map(on_counts, selection.shared), *(filter_on_counts(test, report) for test in tests)]
    except NotInRollups:
        return None
    period = Range(report.days.since, report.days.until)
    parts = parts_of(session, report, period, edges_of(selection.buckets) if selection.buckets else [])
    if not parts.counted:
        return None
    counted = contact_times(labels, parts.counted, conditions, kinds)
    return union_all(counted, _times(selection, parts.rest, dict(tests), kinds)) if parts.rest else counted


def _times(selection: Selection, ranges: Sequence[Range], tests: Mapping[str, Any], kinds: Sequence[str]) -> Any:
    """Return the statement for the times of the leads created in these ranges, in the columns of `contact_times`."""
    labels = selection.labels(Lead.created_at)
    times = [
        func.string_agg(func.float8send(_seconds(selection, kind, ranges[0].since)), b"", type_=LargeBinary).label(kind)
        for kind in kinds
    ]
    leads = select(*labels, cast(func.count(), Integer).label("leads"), *times)
    leads = leads.where(*selection.shared, *filter_conditions(dict(tests), selection.report.actor))
    return leads_in(leads, ranges).group_by(*(one.name for one in labels))


def _statement(selection: Selection, measure: Measure, kinds: Sequence[str]) -> Any:
    tests = dict(tests_of(selection.report, measure))
    times = (
        select(
            *selection.labels(TIMES[measure.event]),
            *(_seconds(selection, kind, selection.report.days.since).label(kind) for kind in kinds),
        )
        .where(*selection.in_period(measure), *filter_conditions(tests, selection.report.actor))
        .subquery("times")
    )
    shares: Any = cast(list(_SHARES), ARRAY(Double()))
    columns = [func.percentile_cont(shares).within_group(times.c[kind]) for kind in kinds]
    return selection.by_levels(times, *columns)


def _seconds(selection: Selection, kind: str, since: datetime) -> Any:
    """Return the seconds to first contact, of leads created since then."""
    if kind == _ELAPSED:
        return seconds_to_contact()
    calendar = selection.report.days.calendar
    return OpeningTime(calendar, since, now()).seconds_between(Lead.created_at, Lead.first_contact_at)
