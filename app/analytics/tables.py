"""Reports as tables: rows of figures for the whole period, for its parts, and for the period to compare with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.analytics.counting import Counts, Dimension, count
from app.analytics.definitions import Metric
from app.analytics.figures import Figures, measures_of
from app.analytics.periods import Compare, Days, buckets_of, earlier
from app.analytics.report import Report
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.models import User
from app.identity.permissions import Permission, Scope
from app.leads.attribution.costs import spend_by_source
from app.leads.attribution.models import LeadSource

_NO_COORDINATOR: Final = "No coordinator"
_ALL: Final = "All leads"


@dataclass(frozen=True)
class Table:
    """A report: its metrics, and the dimension of its rows. None: a single row."""

    metrics: Sequence[Metric]
    dimension: Dimension | None = None


class _Part(NamedTuple):
    """Counted values of the period, or of one of its buckets."""

    figures: Figures
    days: Days
    bucket: int
    labels: Mapping[Any, str]
    spend: Mapping[Any, Decimal]


def table_report(session: Session, report: Report, table: Table, query: JsonObject) -> JsonDict:
    """Return the fields of AnalyticsOut. `query` may have `by` and `compare`."""
    rows = _rows(session, report, table)
    return {
        **heading(report),
        "definitions": definitions(report, table.metrics),
        "rows": rows,
        "buckets": _buckets(session, report, table, query, keys=[row["key"] for row in rows]),
        "comparison": compared(report, query, lambda other: _rows(session, other, table)),
    }


def heading(report: Report) -> JsonDict:
    """Return the fields that every report has."""
    return {
        **span(report, report.days),
        "timezone": str(report.days.calendar.zone),
        "basis": report.basis,
        "mature_before": report.mature_before,
    }


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


def _rows(session: Session, report: Report, table: Table) -> list[JsonDict]:
    figures = _count(session, report, table, ())
    keys = {cell.key for cell in figures.counts}
    spend = _spend(session, report, report.days, table)
    labels = _labels(session, report, table.dimension, keys | spend.keys())
    part = _Part(figures, report.days, 0, labels, spend)
    rows = [_row(part, table, key) for key in labels]
    return sorted(rows, key=lambda row: (-row["figures"][0]["leads"], row["label"]))


def _buckets(
    session: Session, report: Report, table: Table, query: JsonObject, *, keys: Sequence[Any]
) -> list[JsonDict] | None:
    """Return the rows of each part of the period; None without `by`."""
    if "by" not in query:
        return None
    buckets = buckets_of(report.days, query["by"])
    figures = _count(session, report, table, buckets)
    labels = _labels(session, report, table.dimension, set(keys))
    parts = []
    for place, days in enumerate(buckets):
        part = _Part(figures, days, place, labels, _spend(session, report, days, table))
        parts.append({**span(report, days), "rows": [_row(part, table, key) for key in keys]})
    return parts


def _row(part: _Part, table: Table, key: Any) -> JsonDict:
    spend = part.spend.get(key)
    found = part.figures.row(table.metrics, key, part.days, bucket=part.bucket, spend=spend)
    return {"key": key, "label": part.labels[key], "figures": found}


def _count(session: Session, report: Report, table: Table, buckets: Sequence[Days]) -> Figures:
    measures = measures_of(table.metrics, report)
    counts = count(session, report, measures, dimension=table.dimension, buckets=buckets)
    totals: Counts = {}
    if table.dimension:
        totals = count(session, report, _of_all(table, report), buckets=buckets)
    return Figures(report, counts, totals, table.dimension)


def _of_all(table: Table, report: Report) -> list[Any]:
    formulas = [metric.formulas[report.basis] for metric in table.metrics]
    return [formula.among for formula in formulas if formula.among and formula.of_all]


def _spend(session: Session, report: Report, days: Days, table: Table) -> Mapping[Any, Decimal]:
    """Return the spend by row: of each source, or of all. Empty where the leads are not those that the spend bought."""
    reader = report.actor.within(Permission.LEAD_READ)
    sees_all = report.actor.scope is Scope.ALL and reader.scope is Scope.ALL
    needs = any(formula.per_spend or formula.is_spend for one in table.metrics for formula in one.formulas.values())
    if not needs or not sees_all or report.filters.keys() - {"source_id"}:
        return {}
    spent = spend_by_source(session, report.actor.clinic.id, days.first, days.end)
    if "source_id" in report.filters:
        spent = {key: amount for key, amount in spent.items() if key == report.filters["source_id"]}
    if table.dimension is Dimension.SOURCE:
        return spent
    return {None: sum(spent.values(), Decimal())} if spent else {}


def _labels(session: Session, report: Report, dimension: Dimension | None, keys: set[Any]) -> dict[Any, str]:
    """Return the rows' keys with their names."""
    if dimension is None:
        return {None: _ALL}
    if dimension is Dimension.LOST_REASON:
        return {key: key for key in keys if key is not None}
    model: Any = LeadSource if dimension is Dimension.SOURCE else User
    named = select(model.id, model.name).where(model.clinic_id == report.actor.clinic.id, model.id.in_(keys - {None}))
    labels: dict[Any, str] = {row.id: row.name for row in session.execute(named)}
    return labels | ({None: _NO_COORDINATOR} if None in keys else {})
