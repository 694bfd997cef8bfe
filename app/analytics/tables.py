"""Reports as tables: rows of figures for the whole period, for its parts, and for the period to compare with."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.analytics.counting import Cell, Dimension, count, visible_leads
from app.analytics.figures import Figures, FiguresOfPart, measures_of
from app.analytics.metrics.measures import Basis
from app.analytics.metrics.metric import Metric
from app.analytics.periods import Compare, Days, buckets_of, earlier
from app.analytics.report import Report
from app.analytics.row_labels import labels_of
from app.analytics.statements.selection import WHOLE
from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.permissions import Permission, Scope
from app.leads.attribution.costs import CostHistory, cost_history, spend_by_source
from app.leads.models import Lead
from app.leads.search.creation_time import created_from, created_to

MOST_CAMPAIGNS: Final = 200  # they are free text, which visitors of a website may write
MOST_ROWS_OF_BUCKETS: Final = 5_000  # rows of campaigns in all buckets


@dataclass(frozen=True)
class Table:
    """A report: its metrics, and the dimension of its rows. None: a single row."""

    metrics: Sequence[Metric]
    dimension: Dimension | None = None


class _Part(NamedTuple):
    """Figures, labels and spend by row: of the period, or of one of its buckets."""

    figures: FiguresOfPart
    labels: Mapping[Any, str]
    spend: Mapping[Any, Decimal]

    def row(self, key: Any) -> JsonDict:
        """Return a row as it is sent."""
        figures = self.figures.row(key, spend=self.spend.get(key))
        return {"key": key, "label": self.labels[key], "figures": figures}


def table_report(session: Session, report: Report, table: Table, query: JsonObject) -> JsonDict:
    """Return the fields of AnalyticsOut. `query` may have `by` and `compare`."""
    buckets = buckets_of(report.days, query["by"]) if "by" in query else []
    figures = _count(session, report, table, buckets)
    rows = _rows(session, table, figures)
    shown = [row["key"] for row in rows] if table.dimension is Dimension.CAMPAIGN else None

    def earlier_rows(other: Report) -> list[JsonDict]:
        return _rows(session, table, _count(session, other, table, ()), shown)

    formulas = [metric.formulas[report.basis] for metric in table.metrics]
    has_rates = any(measure.mature for formula in formulas for measure in (formula.of, formula.among) if measure)
    return {
        **heading(report, rates_begin(session, report) if has_rates else None),
        "definitions": definitions(report, table.metrics),
        "rows": rows,
        "buckets": _buckets(session, table, figures, rows) if figures.buckets else None,
        "comparison": compared(report, query, earlier_rows),
    }


def heading(report: Report, rates_begin: date | None = None) -> JsonDict:
    """Return the fields that every report has."""
    return {
        **span(report, report.days),
        "timezone": str(report.days.calendar.zone),
        "basis": report.basis,
        "mature_before": report.mature_before,
        "rates_begin": rates_begin,
    }


def rates_begin(session: Session, report: Report) -> date | None:
    """Return the local day on which the first lead of a cohort counts in rates; None if one does, or there is none."""
    if report.basis is not Basis.COHORT or report.days.end <= report.mature_before:
        return None
    of_days = select(Lead.created_at).where(
        *visible_leads(session, report), created_from(report.days.since), created_to(report.days.until)
    )
    first, calendar = session.scalar(of_days.order_by(Lead.id).limit(1)), report.days.calendar
    if first is None or (day := calendar.local(first).date()) < report.mature_before:
        return None
    return day + (calendar.local(now()).date() - report.mature_before) + timedelta(days=1)


def span(report: Report, days: Days) -> JsonDict:
    """Return first day, end, and whether all leads of the days are mature."""
    return {"from_": days.first, "to": days.end, "mature": days.end <= report.mature_before}


def definitions(report: Report, metrics: Sequence[Metric]) -> list[JsonDict]:
    """Return the definitions of the metrics on the report's basis."""
    return [
        {"metric": one.name, "label": one.label, "unit": one.unit, "words": one.formulas[report.basis].words}
        for one in metrics
    ]


def compared(report: Report, query: JsonObject, rows_of: Callable[[Report], list[JsonDict]]) -> JsonDict | None:
    """Return the rows of the period to compare with; None if there is none."""
    if "compare" not in query:
        return None
    other = report.of(earlier(report.days, Compare(query["compare"])))
    return {**span(report, other.days), "rows": rows_of(other)}


def _rows(session: Session, table: Table, figures: Figures, shown: Collection[Any] | None = None) -> list[JsonDict]:
    """Return a row for each key with leads or costs; `shown`: for these keys only."""
    report = figures.report
    keys = {cell.key for cell in figures.counts.cells}
    if table.dimension is Dimension.CAMPAIGN:
        keys = _largest(table, figures, keys) if shown is None else keys & set(shown)
    costs = _costs(session, report, table)
    spend = _spend(costs, report.days, table)
    labels = labels_of(session, report, table.dimension, keys | spend.keys())
    part = _Part(figures.part(table.metrics, report.days), labels, spend)
    rows = [part.row(key) for key in labels]
    if table.dimension is Dimension.STAGE:
        return rows  # in the order of the stages
    return sorted(rows, key=lambda row: (-row["figures"][0]["leads"], row["label"]))


def _largest(table: Table, figures: Figures, keys: Collection[Any]) -> set[Any]:
    """Return the campaigns with the most leads: as many as a report can have, fewer if it has many buckets."""
    leads, cells = table.metrics[0].formulas[figures.report.basis].of, figures.counts.cells
    ranked = sorted(keys, key=lambda key: (-(cells.get(Cell(key, WHOLE), {}).get(leads) or 0), key))
    return set(ranked[: min(MOST_CAMPAIGNS, MOST_ROWS_OF_BUCKETS // max(len(figures.buckets), 1))])


def _buckets(session: Session, table: Table, figures: Figures, rows: Sequence[JsonDict]) -> list[JsonDict]:
    """Return the same rows for each part of the period."""
    report, labels = figures.report, {row["key"]: row["label"] for row in rows}
    costs = _costs(session, report, table)
    parts = []
    for place, days in enumerate(figures.buckets):
        part = _Part(figures.part(table.metrics, days, bucket=place), labels, _spend(costs, days, table))
        parts.append({**span(report, days), "rows": [part.row(key) for key in labels]})
    return parts


def _count(session: Session, report: Report, table: Table, buckets: Sequence[Days]) -> Figures:
    has_totals = any(metric.formulas[report.basis].of_all for metric in table.metrics)
    counts = count(
        session,
        report,
        measures_of(table.metrics, report),
        dimension=table.dimension,
        buckets=buckets,
        with_totals=has_totals,
    )
    return Figures(report, counts, buckets, table.dimension)


def _costs(session: Session, report: Report, table: Table) -> CostHistory:
    """Return the costs of the sources. Empty where the leads are not those that the spend bought."""
    reader = report.actor.within(Permission.LEAD_READ)
    sees_all = report.actor.scope is Scope.ALL and reader.scope is Scope.ALL
    needs = any(formula.per_spend or formula.is_spend for one in table.metrics for formula in one.formulas.values())
    allowed = {"source_id"} if table.dimension in {Dimension.SOURCE, None} else set()
    if not needs or not sees_all or report.filters.keys() - allowed:
        return {}
    history = cost_history(session, report.actor.clinic.id, report.days.end)
    if "source_id" in report.filters:
        return {key: costs for key, costs in history.items() if key == report.filters["source_id"]}
    return history


def _spend(costs: CostHistory, days: Days, table: Table) -> Mapping[Any, Decimal]:
    """Return the spend by row: of each source, or of all."""
    spent = spend_by_source(costs, days.first, days.end)
    if table.dimension in {Dimension.SOURCE, Dimension.FIRST_TOUCH, Dimension.LAST_TOUCH}:
        return spent
    return {None: sum(spent.values(), Decimal())} if spent else {}
