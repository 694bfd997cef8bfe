"""Reports as tables for spreadsheets: one line for each figure, and one line for each row."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple, TypeAlias

from app.core.type_aliases import JsonObject

Line: TypeAlias = Sequence[Any]

HEADINGS: Final = (*("part", "from", "to", "row", "metric", "value", "unit", "leads", "among", "definition", "list"),)
_PLACE: Final = ("Part", "From", "To", "Row")


class Part(NamedTuple):
    """Rows of a report: of the whole period, of a part of it, or of the period to compare with.

    `end` is exclusive.
    """

    name: str
    first: date
    end: date
    rows: Sequence[JsonObject]


def parts_of(report: JsonObject) -> Iterator[Part]:
    """Yield the whole period, its parts, and the period to compare with."""
    yield _part("period", report)
    yield from (_part("part", one) for one in report["buckets"] or ())
    if report["comparison"]:
        yield _part("comparison", report["comparison"])


def figure_lines(report: JsonObject) -> Iterator[Line]:
    """Yield a heading, and a line for each figure with its definition and the list of its leads."""
    definitions = definitions_by_metric(report)
    yield HEADINGS
    for part in parts_of(report):
        for row in part.rows:
            for figure in row["figures"]:
                among = figure["among"]
                yield (
                    *(part.name, part.first, part.end, row["label"], definitions[figure["metric"]]["label"]),
                    *(figure["value"], figure["unit"], figure["leads"], among and among["leads"]),
                    *(definitions[figure["metric"]]["words"], figure["drill"]),
                )


def row_lines(report: JsonObject) -> Iterator[Line]:
    """Yield a heading, a line of definitions, and a line for each row with a column for each metric."""
    yield (*_PLACE, *(f"{one['label']} ({one['unit']})" for one in report["definitions"]))
    yield (*[""] * (len(_PLACE) - 1), "Definition", *(one["words"] for one in report["definitions"]))
    for part in parts_of(report):
        for row in part.rows:
            values = {one["metric"]: one["value"] for one in row["figures"]}
            of_row = (values.get(one["metric"]) for one in report["definitions"])
            yield (part.name, part.first, part.end, row["label"], *of_row)


def definitions_by_metric(report: JsonObject) -> Mapping[str, JsonObject]:
    """Return the definitions of a report by the names of their metrics."""
    return {one["metric"]: one for one in report["definitions"]}


def count_figures(report: JsonObject) -> int:
    """Return the number of figures of a report."""
    return sum(len(row["figures"]) for part in parts_of(report) for row in part.rows)


def _part(name: str, shown: JsonObject) -> Part:
    return Part(name, shown["from_"], shown["to"], shown["rows"])
