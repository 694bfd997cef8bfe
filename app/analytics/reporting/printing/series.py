"""The data of charts: the values of one metric by row, or by row and part of the period."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.analytics.reporting.catalogue import Chart, Shape
from app.analytics.reporting.marketing_return import value_of
from app.analytics.reporting.printing.values import days_text
from app.analytics.reporting.spreadsheets import definitions_by_metric
from app.core.type_aliases import JsonObject

MOST_LINES: Final = 6
MOST_BARS: Final = 30


@dataclass(frozen=True, slots=True)
class Series:
    """One row of a report with a value for each label of its chart."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class ChartData:
    """Data of a chart. Bars have one series and a label for each row; lines a label for each part of the period."""

    shape: Shape
    title: str
    unit: str
    definition: str
    labels: Sequence[str]
    series: Sequence[Series]
    left_out: int = 0  # rows that the chart does not show; its table does not either


def chart_data(report: JsonObject, charts: Sequence[Chart]) -> Iterator[ChartData]:
    """Yield the data of the charts that the report can show: lines need parts, and all need rows."""
    definitions = definitions_by_metric(report)
    for chart in charts:
        metric = next((name for name in chart.metrics if name in definitions), None)
        if metric is None or not report["rows"]:
            continue
        if chart.shape is not Shape.LINES:
            yield _by_row(report, chart.shape, definitions[metric])
        elif report["buckets"]:
            yield _by_part(report, definitions[metric])


def _by_row(report: JsonObject, shape: Shape, definition: JsonObject) -> ChartData:
    rows = report["rows"][:MOST_BARS]
    values = [value_of(row["figures"], definition["metric"]) for row in rows]
    return ChartData(
        shape,
        definition["label"],
        definition["unit"],
        definition["words"],
        [row["label"] for row in rows],
        [Series(definition["label"], values)],
        len(report["rows"]) - len(rows),
    )


def _by_part(report: JsonObject, definition: JsonObject) -> ChartData:
    shown = report["rows"][:MOST_LINES]
    buckets = report["buckets"]
    series = []
    for row in shown:
        same = [next((one for one in part["rows"] if one["key"] == row["key"]), None) for part in buckets]
        values = [value_of(one["figures"], definition["metric"]) if one else None for one in same]
        series.append(Series(row["label"], values))
    return ChartData(
        Shape.LINES,
        f"{definition['label']} over time",
        definition["unit"],
        definition["words"],
        [days_text(part["from_"], part["to"]) for part in buckets],
        series,
        len(report["rows"]) - len(shown),
    )
