"""The leads that statements count, and the levels at which they return numbers: rows, buckets and totals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import ARRAY, ColumnElement, cast, func, literal, null, select, tuple_

from app.analytics.metrics.measures import Event, Measure
from app.analytics.periods import Days, edges_of
from app.analytics.report import Report
from app.core.type_aliases import JsonDict
from app.leads.models import Lead
from app.leads.search.filters import filter_conditions

WHOLE: Final = -1  # the bucket of the whole period
TIMES: Final[Mapping[Event, Any]] = {
    Event.CREATED: Lead.created_at,
    Event.CONVERTED: Lead.converted_at,
    Event.LOST: Lead.lost_at,
    Event.OPEN: Lead.created_at,
}


class Counted(NamedTuple):
    """Values of measures of a row and a bucket, or (`is_total`) of all rows."""

    key: Any
    bucket: int
    is_total: bool
    values: Mapping[Measure, Any]


@dataclass(frozen=True)
class Selection:
    """Leads to count: those that pass `shared`, by a column of leads (None: in a single row) and by buckets."""

    report: Report
    shared: Sequence[ColumnElement[bool]]  # the caller may see them, and the report's filters let them pass
    key: Any = None
    buckets: Sequence[Days] = ()
    with_totals: bool = False  # also of all rows together

    def labels(self, at: Any) -> list[Any]:
        """Return the columns `key` and `bucket` of a lead; `at` is the time of its event."""
        key = [] if self.key is None else [self.key.label("key")]
        return [*key, *([bucket_of(at, self.buckets).label("bucket")] if self.buckets else [])]

    def in_period(self, measure: Measure) -> list[ColumnElement[bool]]:
        """Return the conditions that the measure's event is in the days, and that the lead passes `shared`."""
        report = self.report
        span = report.range_of(Measure(measure.event), report.days)
        return [*self.shared, *filter_conditions(span, report.actor)]

    def by_levels(self, part: Any, *columns: Any, also: Sequence[Any] = ()) -> Any:
        """Select columns of a subquery with `labels`: by row and bucket, by row, and for totals.

        Adds the columns `key`, `bucket` and `is_total`. `also` are more columns to group by, at every level.
        """
        key = [] if self.key is None else [part.c.key]
        bucket = [part.c.bucket] if self.buckets else []
        found = select(
            (part.c.key if key else null()).label("key"),
            (func.coalesce(part.c.bucket, WHOLE) if bucket else literal(WHOLE)).label("bucket"),
            (func.grouping(part.c.key) if key else literal(0)).label("is_total"),
            *also,
            *columns,
        ).select_from(part)
        rows = [key, []] if key and self.with_totals else [key]
        levels = [[*also, *row, *column] for row in rows for column in ([bucket, []] if bucket else [[]])]
        return found.group_by(func.grouping_sets(*(tuple_(*one) for one in levels))) if any(levels) else found


def tests_of(report: Report, measure: Measure) -> Iterator[tuple[str, Any]]:
    """Return the filters that a lead of the period must pass to be counted, as name and value."""
    if measure.mature:
        yield "created_to", Days(report.mature_before, report.mature_before, report.days.calendar).since
    filters: JsonDict = report.filters_of(measure)
    yield from filters.items()


def bucket_of(at: Any, buckets: Sequence[Days]) -> ColumnElement[int]:
    """Return the column with the place of the bucket that a time lies in."""
    edges = cast(edges_of(buckets), ARRAY(Lead.created_at.type))
    return func.width_bucket(at, edges) - 1
