"""Figures of a report: a value, the number of leads behind it, and the list of them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from app.analytics.counting import Cell, Counts, Dimension, Values
from app.analytics.drill import ListEnd, ListStart, drill_between, list_end, list_start, row_filters
from app.analytics.metrics.measures import Measure, Value
from app.analytics.metrics.metric import Formula, Metric, figure_of
from app.analytics.periods import Days
from app.analytics.report import Report
from app.analytics.statements.selection import WHOLE
from app.core.type_aliases import JsonDict

_NOTHING: Final[Values] = {}


@dataclass(frozen=True)
class Figures:
    """Counted values of a report, from which its figures are built."""

    report: Report
    counts: Counts
    buckets: Sequence[Days] = ()
    dimension: Dimension | None = None
    _starts: dict[Any, ListStart] = field(default_factory=dict)

    def part(self, metrics: Iterable[Metric], days: Days, *, bucket: int = WHOLE) -> "FiguresOfPart":
        """Return the figures of the metrics in one bucket, by row."""
        return FiguresOfPart(self, bucket, [self._column(metric, days, bucket) for metric in metrics])

    def start_of(self, key: Any) -> ListStart:
        """Return the parameters that the lists of a row begin with."""
        found = self._starts.get(key)
        if found is None:
            found = self._starts[key] = list_start(self.report, row_filters(self.dimension, key))
        return found

    def _column(self, metric: Metric, days: Days, bucket: int) -> "_Column":
        formula = metric.formulas[self.report.basis]
        of = self._leads(formula.of, days)
        among = self._leads(formula.among, days) if formula.among else None
        if among and formula.of_all:
            all_rows = _Row(self.report, self.counts.totals.get(bucket, _NOTHING), list_start(self.report, {}))
            return _Column(metric, formula, of, None, among.listed(all_rows))
        return _Column(metric, formula, of, among)

    def _leads(self, measure: Measure, days: Days) -> "_Leads":
        counted = _with_leads(measure)
        return _Leads(counted, list_end(self.report, counted, days))


class _Leads(NamedTuple):
    """Leads that a measure counts, and their list."""

    measure: Measure
    end: ListEnd

    def listed(self, row: "_Row") -> JsonDict:
        """Return the number of leads, and their list."""
        return {"leads": row.values.get(self.measure) or 0, "drill": drill_between(row.report, row.start, self.end)}


class _Column(NamedTuple):
    """A metric in one bucket. `of_all`: for shares of all rows, the leads of these; else `among` are of the row."""

    metric: Metric
    formula: Formula
    of: _Leads
    among: _Leads | None
    of_all: JsonDict | None = None

    def figure(self, row: "_Row") -> JsonDict:
        leads = self.of.listed(row)
        among = self.among.listed(row) if self.among else self.of_all
        value = self._value(row, leads["leads"], among["leads"] if among else None)
        return figure_of(self.metric.name, self.metric.unit, value, leads, among=among)

    def _value(self, row: "_Row", leads: int, among: int | None) -> float | None:
        formula = self.formula
        if formula.is_spend or formula.per_spend:
            return _cost(formula, row.spend, leads)
        if among is not None:
            return leads / among if among else None
        if formula.of.value is Value.LEADS:
            return float(leads)
        found = row.values.get(formula.of)
        if found is None:
            return 0.0 if formula.of.value is Value.MONEY else None
        return float(found)


class _Row(NamedTuple):
    """A row in one bucket."""

    report: Report
    values: Values
    start: ListStart
    spend: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FiguresOfPart:
    """The figures of one bucket of a report, by row."""

    figures: Figures
    bucket: int
    columns: Sequence[_Column]

    def row(self, key: Any, *, spend: Decimal | None = None) -> list[JsonDict]:
        """Return the figures of one row."""
        figures = self.figures
        values = figures.counts.cells.get(Cell(key, self.bucket), _NOTHING)
        row = _Row(figures.report, values, figures.start_of(key), spend)
        return [column.figure(row) for column in self.columns]


def _cost(formula: Formula, spend: Decimal | None, leads: int) -> float | None:
    if spend is None or (formula.per_spend and not leads):
        return None
    return round(float(spend / (leads if formula.per_spend else 1)), 2)


def _with_leads(measure: Measure) -> Measure:
    """Return the measure of the leads over which a value is computed."""
    return measure if measure.value is Value.LEADS else _of_leads(measure)


@lru_cache(maxsize=1024)
def _of_leads(measure: Measure) -> Measure:
    return measure.of(Value.LEADS)


def measures_of(metrics: Iterable[Metric], report: Report) -> Collection[Measure]:
    """Return all measures of the metrics, with those for their numbers of leads."""
    formulas = [metric.formulas[report.basis] for metric in metrics]
    measures = [one for formula in formulas for one in (formula.of, formula.among) if one]
    return dict.fromkeys([*measures, *map(_with_leads, measures)])
