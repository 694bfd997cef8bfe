"""A report as an HTML page that prints on A4: tables with definitions, and charts. It has no script."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from jinja2 import Environment, Template
from markupsafe import Markup

from app.analytics.reporting.catalogue import Chart, Shape
from app.analytics.reporting.printing.charts import svg
from app.analytics.reporting.printing.series import ChartData, chart_data
from app.analytics.reporting.printing.tables import printed_tables
from app.analytics.reporting.printing.values import days_text, value_text, with_dates
from app.core.type_aliases import JsonObject

CONTENT_TYPE: Final = "text/html; charset=utf-8"


class Heading(NamedTuple):
    """The heading of a page: the clinic, the name of the saved report if it is one, and a link to it."""

    clinic: str
    name: str = ""
    link: str = ""


class PrintedChart(NamedTuple):
    """A chart with its table."""

    title: str
    definition: str
    left_out: int
    svg: Markup
    headings: Sequence[str]
    lines: Sequence[Sequence[str]]


def print_page(report: JsonObject, heading: Heading, charts: Sequence[Chart] = ()) -> str:
    """Return the page of a report. `report` has the fields of NamedReportOut. Without charts it has only tables."""
    report = with_dates(report)
    return _template().render(
        style=Markup(_style()),  # noqa: S704  (a file of ours)
        heading=heading.name or report["title"],
        clinic=heading.clinic,
        link=heading.link,
        days=days_text(report["from_"], report["to"]),
        tables=list(printed_tables(report)),
        charts=list(_charts(report, charts)),
        **{name: report[name] for name in ("title", "words", "timezone", "basis", "mature", "mature_before")},
    )


def content_security_policy() -> str:
    """Return the policy of the page: nothing is loaded, and no script runs."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _charts(report: JsonObject, charts: Sequence[Chart]) -> Iterator[PrintedChart]:
    for number, data in enumerate(chart_data(report, charts)):
        drawn = svg(data, f"chart-{number}")
        headings, lines = _table(data)
        yield PrintedChart(data.title, data.definition, data.left_out, drawn, headings, lines)


def _table(data: ChartData) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    first = "Days" if data.shape is Shape.LINES else "Name"
    columns: list[Any] = [one.values for one in data.series]
    lines = [
        (label, *(value_text(value, data.unit) for value in values))
        for label, *values in zip(data.labels, *columns, strict=True)
    ]
    return (first, *(one.name for one in data.series)), lines


@cache
def _style() -> str:
    return _file("page.css")


@cache
def _template() -> Template:
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_file("page.html"))


def _file(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
