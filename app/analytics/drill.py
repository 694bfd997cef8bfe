"""The list of leads behind a figure: a query of `GET /api/leads`."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from app.analytics.counting import PAIR, Dimension
from app.analytics.metrics.measures import Measure
from app.analytics.periods import Days
from app.analytics.report import Report
from app.core.type_aliases import JsonDict, JsonObject

LEADS: Final = "/api/leads"
_NOWHERE: Final = {"has_coordinator": False}  # for leads without a coordinator


@dataclass(frozen=True, slots=True)
class ListStart:
    """The parameters that all lists of a row begin with: filters of the report and of the row."""

    row: JsonDict
    names: Collection[str]
    text: str
    is_plain: bool  # no name is in both


def drill(report: Report, measure: Measure, days: Days, row: JsonDict) -> str:
    """Return path and query of the list with exactly the leads that the measure counts. `row`: the row's filters."""
    return drill_from(list_start(report, row), report, measure, days)


def list_start(report: Report, row: JsonDict) -> ListStart:
    """Return the parameters that all lists of this row begin with. `row`: the row's filters."""
    first = {**report.filters, **row} if report.filters else row
    text = "".join(f"{_parameter(pair)}&" for pair in first.items())
    is_plain = not report.filters or row.keys().isdisjoint(report.filters)
    return ListStart(row, first.keys(), f"{LEADS}?{text}", is_plain)


def drill_from(start: ListStart, report: Report, measure: Measure, days: Days) -> str:
    """Return path and query of the list, as `drill` does."""
    known = report.list_texts
    span = (measure.event, measure.entered, measure.mature, days.first, days.end)
    text, names = known.get(measure) or known.setdefault(measure, _text_and_names(report.filters_of(measure)))
    end, end_names = known.get(span) or known.setdefault(span, _text_and_names(report.range_of(measure, days)))
    if (
        start.is_plain
        and names.isdisjoint(start.names)
        and end_names.isdisjoint(start.names)
        and end_names.isdisjoint(names)
    ):
        return f"{start.text}{text}&{end}" if text else start.text + end
    return _of_overlapping((report.filters, start.row, report.list_filters(measure, days)), days)


def _text_and_names(filters: JsonObject) -> tuple[str, frozenset[str]]:
    return "&".join(map(_parameter, filters.items())), frozenset(filters)


def _of_overlapping(parts: Iterable[JsonObject], days: Days) -> str:
    """Return path and query of the list, of filters that may have the same names."""
    query: JsonDict = {}
    contradicts = False
    for part in parts:
        contradicts = contradicts or any(query[name] != part[name] for name in query.keys() & part.keys())
        query |= part
    if contradicts:  # one parameter cannot have two values: no lead has both
        query["created_from"] = query["created_to"] = days.since
    return f"{LEADS}?{'&'.join(map(_parameter, query.items()))}"


def row_filters(dimension: Dimension | None, key: Any) -> JsonDict:
    """Return the filters for the leads of a row."""
    if dimension is None:
        return {}
    if dimension is Dimension.SOURCE_AND_COORDINATOR:
        source, coordinator = key.split(PAIR)
        return {Dimension.SOURCE: UUID(source), **row_filters(Dimension.COORDINATOR, _id(coordinator))}
    return _NOWHERE if dimension is Dimension.COORDINATOR and key is None else {dimension: key}


@lru_cache(maxsize=4096)  # each bucket has the same rows
def _id(text: str) -> UUID | None:
    return UUID(text) if text else None


@lru_cache(maxsize=4096)  # a report has thousands of lists, with few different parameters
def _parameter(pair: tuple[str, Any]) -> str:
    return urlencode([(pair[0], _text(pair[1]))])


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)
