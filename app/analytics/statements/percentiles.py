"""Percentiles of the time to first contact, in elapsed time and in business time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ARRAY, Double, cast, func, select
from sqlalchemy.orm import Session

from app.analytics.metrics.measures import Measure, Value
from app.analytics.statements.business_time import OpeningTime
from app.analytics.statements.selection import TIMES, Counted, Selection, tests_of
from app.clock import now
from app.leads.models import Lead
from app.leads.search.filters import filter_conditions
from app.leads.timeline.responses import seconds_to_contact

_SHARES: Final = (0.5, 0.9)
_SECONDS_A_MINUTE: Final = 60
# The kind of time, and the place of the share.
PERCENTILES: Final[Mapping[Value, tuple[str, int]]] = {
    Value.MINUTES_MEDIAN: ("elapsed", 0),
    Value.MINUTES_P90: ("elapsed", 1),
    Value.BUSINESS_MEDIAN: ("business", 0),
    Value.BUSINESS_P90: ("business", 1),
}


def count_percentiles(session: Session, selection: Selection, measures: Sequence[Measure]) -> Iterator[Counted]:
    """Return percentiles in minutes. The measures count the same leads."""
    kinds = list(dict.fromkeys(PERCENTILES[one.value][0] for one in measures))
    for row in session.execute(_statement(selection, measures[0], kinds)):
        key, bucket, is_total, *found = row
        values = dict(zip(kinds, found, strict=True))
        yield Counted(key, bucket, bool(is_total), {one: _pick(one, values) for one in measures})


def _pick(measure: Measure, values: Mapping[str, Sequence[float] | None]) -> float | None:
    kind, place = PERCENTILES[measure.value]
    found = values[kind]
    return None if found is None else found[place] / _SECONDS_A_MINUTE


def _statement(selection: Selection, measure: Measure, kinds: Sequence[str]) -> Any:
    tests = dict(tests_of(selection.report, measure))
    times = (
        select(*selection.labels(TIMES[measure.event]), *(_seconds(selection, kind).label(kind) for kind in kinds))
        .where(*selection.in_period(measure), *filter_conditions(tests, selection.report.actor))
        .subquery("times")
    )
    shares: Any = cast(list(_SHARES), ARRAY(Double()))
    columns = [func.percentile_cont(shares).within_group(times.c[kind]) for kind in kinds]
    return selection.by_levels(times, *columns)


def _seconds(selection: Selection, kind: str) -> Any:
    if kind == "elapsed":
        return seconds_to_contact()
    days = selection.report.days
    return OpeningTime(days.calendar, days.since, now()).seconds_between(Lead.created_at, Lead.first_contact_at)
