"""The tables of a printed report, as text cells. A report about all leads has a line for each metric."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.analytics.reporting.marketing_return import value_of
from app.analytics.reporting.printing.values import days_text, value_text
from app.analytics.reporting.spreadsheets import definitions_by_metric
from app.core.type_aliases import JsonObject


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """A table. `has_words`: the last column is text. `definitions` are printed below it."""

    title: str
    headings: Sequence[str]
    lines: Sequence[Sequence[str]]
    has_words: bool = False
    caption: str = ""
    definitions: Sequence[JsonObject] = ()


def printed_tables(report: JsonObject) -> Iterator[PrintedTable]:
    """Yield the table of the period, that of the period to compare with, and one for each metric over the parts."""
    yield _of_period(report, report, "Figures")
    if other := report["comparison"]:
        title = f"Compared with {days_text(other['from_'], other['to'])}"
        yield replace(_of_period(report, other, title), definitions=())  # they are below the first table
    if report["buckets"]:
        yield from _over_time(report)


def _of_period(report: JsonObject, part: JsonObject, title: str) -> PrintedTable:
    return _by_metric(report, part["rows"][0], title) if _is_single(part) else _by_row(report, part["rows"], title)


def _is_single(part: JsonObject) -> bool:
    return [row["key"] for row in part["rows"]] == [None]


def _by_metric(report: JsonObject, row: JsonObject, title: str) -> PrintedTable:
    definitions = definitions_by_metric(report)
    lines = [
        (
            definitions[one["metric"]]["label"],
            value_text(one["value"], one["unit"]),
            _leads(one),
            definitions[one["metric"]]["words"],
        )
        for one in row["figures"]
    ]
    return PrintedTable(title, ("Metric", row["label"], "Leads", "Definition"), lines, has_words=True)


def _leads(figure: Mapping[str, Any]) -> str:
    return f"{figure['leads']} of {figure['among']['leads']}" if figure["among"] else str(figure["leads"])


def _by_row(report: JsonObject, rows: Sequence[JsonObject], title: str) -> PrintedTable:
    definitions = report["definitions"]
    lines = [(row["label"], *(_value(row, one) for one in definitions)) for row in rows]
    headings = ("Name", *(one["label"] for one in definitions))
    return PrintedTable(title, headings, lines, definitions=definitions)


def _over_time(report: JsonObject) -> Iterator[PrintedTable]:
    parts = report["buckets"]
    if _is_single(report):
        rows = [(days_text(one["from_"], one["to"]), one["rows"][0]) for one in parts]
        lines = [(days, *(_value(row, one) for one in report["definitions"])) for days, row in rows]
        headings = ("Days", *(one["label"] for one in report["definitions"]))
        yield PrintedTable("Over time", headings, lines, definitions=report["definitions"])
        return
    for one in report["definitions"] if report["rows"] else ():
        headings = ("Days", *(row["label"] for row in report["rows"]))
        lines = [(days_text(part["from_"], part["to"]), *(_value(row, one) for row in part["rows"])) for part in parts]
        yield PrintedTable(f"{one['label']} over time", headings, lines, caption=one["words"])


def _value(row: JsonObject, definition: JsonObject) -> str:
    return value_text(value_of(row["figures"], definition["metric"]), definition["unit"])
