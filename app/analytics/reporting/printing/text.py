"""A report as plain text, for e-mails."""

from collections.abc import Iterator
from typing import Final

from app.analytics.reporting.printing.values import days_text, value_text, with_dates
from app.analytics.reporting.spreadsheets import definitions_by_metric
from app.core.type_aliases import JsonObject

MOST_ROWS: Final = 50


def report_text(report: JsonObject, clinic: str) -> str:
    """Return the figures of the period and of the period to compare with, and the definitions."""
    return "\n".join(_lines(with_dates(report), clinic))


def _lines(report: JsonObject, clinic: str) -> Iterator[str]:
    yield f"{report['title']}: {clinic}, {days_text(report['from_'], report['to'])} ({report['timezone']})"
    yield from _part(report, report)
    if other := report["comparison"]:
        yield f"\nCompared with {days_text(other['from_'], other['to'])}"
        yield from _part(report, other)
    yield "\nDefinitions"
    yield from (f"- {one['label']}: {one['words']}" for one in report["definitions"])


def _part(report: JsonObject, part: JsonObject) -> Iterator[str]:
    labels = definitions_by_metric(report)
    for row in part["rows"][:MOST_ROWS]:
        yield f"\n{row['label']}"
        for one in row["figures"]:
            yield f"- {labels[one['metric']]['label']}: {value_text(one['value'], one['unit'])}"
    if not part["rows"]:
        yield "\nNo leads."
    if (more := len(part["rows"]) - MOST_ROWS) > 0:
        yield f"\nand {more} more rows in the report"
