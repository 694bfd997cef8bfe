"""Figures of a report: a value, the number of leads behind it, and the list of them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

from app.analytics.counting import Cell, Counts, Dimension
from app.analytics.drill import drill, row_filters
from app.analytics.metrics.measures import Measure, Value
from app.analytics.metrics.metric import Formula, Metric
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
        cell = _Cell(self, Cell(key, bucket), days, spend)
        return [cell.figure(metric) for metric in metrics]


@dataclass(frozen=True)
class _Cell:
    figures: Figures
    cell: Cell
    days: Days
    spend: Decimal | None

    def figure(self, metric: Metric) -> JsonDict:
        formula = metric.formulas[self.figures.report.basis]
        among = self._leads(formula.among, of_all=formula.of_all) if formula.among else None
        leads = self._leads(formula.of)
        value = self._value(formula, leads["leads"], among["leads"] if among else None)
        return {"metric": metric.name, "unit": metric.unit, "value": value, **leads, "among": among}

    def _value(self, formula: Formula, leads: int, among: int | None) -> float | None:
        if formula.is_spend or formula.per_spend:
            return self._cost(formula, leads)
        if among is not None:
            return leads / among if among else None
        found = self._counted(formula.of)
        return None if found is None else float(found)

    def _cost(self, formula: Formula, leads: int) -> float | None:
        if self.spend is None or (formula.per_spend and not leads):
            return None
        return round(float(self.spend / (leads if formula.per_spend else 1)), 2)

    def _leads(self, measure: Measure, *, of_all: bool = False) -> JsonDict:
        """Return the number of leads that a measure counts, and their list."""
        counted = _with_value(measure)
        row = {} if of_all else self._filters
        leads = self._counted(counted, of_all=of_all)
        return {"leads": leads, "drill": drill(self.figures.report, counted, self.days, row)}

    @cached_property
    def _filters(self) -> JsonDict:
        return row_filters(self.figures.dimension, self.cell.key)

    def _counted(self, measure: Measure, *, of_all: bool = False) -> Any:
        counts = self.figures.counts
        values = counts.totals.get(self.cell.bucket) if of_all else counts.cells.get(self.cell)
        found = (values or {}).get(measure)
        return 0 if found is None and measure.value in {Value.LEADS, Value.MONEY} else found


@lru_cache(maxsize=1024)
def _with_value(measure: Measure) -> Measure:
    """Return the measure of the leads over which a value is computed."""
    return measure.of(Value.LEADS)


def measures_of(metrics: Iterable[Metric], report: Report) -> Collection[Measure]:
    """Return all measures of the metrics, with those for their numbers of leads."""
    formulas = [metric.formulas[report.basis] for metric in metrics]
    measures = [one for formula in formulas for one in (formula.of, formula.among) if one]
    return dict.fromkeys([*measures, *map(_with_value, measures)])
