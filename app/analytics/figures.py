"""Figures of a report: a value, the number of leads behind it, and the list of them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from app.analytics.counting import Cell, Counts, Dimension, Values
from app.analytics.drill import ListStart, drill_from, list_start, row_filters
from app.analytics.metrics.measures import Measure, Value
from app.analytics.metrics.metric import Formula, Metric, figure_of
from app.analytics.periods import Days
from app.analytics.report import Report
from app.analytics.statements.selection import WHOLE
from app.core.type_aliases import JsonDict


@dataclass(frozen=True)
class Figures:
    """Counted values of a report, from which its figures are built."""

    report: Report
    counts: Counts
    buckets: Sequence[Days] = ()
    dimension: Dimension | None = None

    def row(
        self, metrics: Iterable[Metric], key: Any, days: Days, *, bucket: int = WHOLE, spend: Decimal | None = None
    ) -> list[JsonDict]:
        """Return the figures of one row in one bucket."""
        counts = self.counts
        values, totals = counts.cells.get(Cell(key, bucket), {}), counts.totals.get(bucket, {})
        start = list_start(self.report, row_filters(self.dimension, key))
        cell = _Cell(self.report, days, values, totals, start, spend)
        return [cell.figure(metric) for metric in metrics]


@dataclass(frozen=True, slots=True)
class _Cell:
    report: Report
    days: Days
    values: Values
    totals: Values  # of all rows
    start: ListStart
    spend: Decimal | None

    def figure(self, metric: Metric) -> JsonDict:
        formula = metric.formulas[self.report.basis]
        among = self._among(formula.among, of_all=formula.of_all) if formula.among else None
        leads = self._listed(formula.of, self.values, self.start)
        value = self._value(formula, leads["leads"], among["leads"] if among else None)
        return figure_of(metric.name, metric.unit, value, leads, among=among)

    def _among(self, measure: Measure, *, of_all: bool) -> JsonDict:
        if of_all:
            return self._listed(measure, self.totals, list_start(self.report, {}))
        return self._listed(measure, self.values, self.start)

    def _listed(self, measure: Measure, values: Values, start: ListStart) -> JsonDict:
        """Return the number of leads that a measure counts, and their list."""
        counted = _with_leads(measure)
        return {"leads": values.get(counted) or 0, "drill": drill_from(start, self.report, counted, self.days)}

    def _value(self, formula: Formula, leads: int, among: int | None) -> float | None:
        if formula.is_spend or formula.per_spend:
            return self._cost(formula, leads)
        if among is not None:
            return leads / among if among else None
        if formula.of.value is Value.LEADS:
            return float(leads)
        found = self.values.get(formula.of)
        if found is None:
            return 0.0 if formula.of.value is Value.MONEY else None
        return float(found)

    def _cost(self, formula: Formula, leads: int) -> float | None:
        if self.spend is None or (formula.per_spend and not leads):
            return None
        return round(float(self.spend / (leads if formula.per_spend else 1)), 2)


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
