"""The list of leads behind a figure: a query of `GET /api/leads`."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from app.analytics.counting import PAIR, Dimension
from app.analytics.metrics.measures import Measure
from app.analytics.periods import Days
from app.analytics.report import FilterText, Report
from app.core.type_aliases import JsonDict, JsonObject

LEADS: Final = "/api/leads"
_NOWHERE: Final = {"has_coordinator": False}  # for leads without a coordinator


class ListStart(NamedTuple):
    """The parameters that all lists of a row begin with: filters of the report and of the row."""

    row: JsonDict
    names: frozenset[str]
    text: str
    is_plain: bool  # no name is in both


class ListEnd(NamedTuple):
    """The parameters that all lists of a measure end with: its filters, and the days of its event."""

    parts: Sequence[JsonObject]
    names: frozenset[str]
    text: str
    is_plain: bool  # no name is in two parts
    days: Days


def drill(report: Report, measure: Measure, days: Days, row: JsonDict) -> str:
    """Return path and query of the list with exactly the leads that the measure counts. `row`: the row's filters."""
    return drill_between(report, list_start(report, row), list_end(report, measure, days))


def list_start(report: Report, row: JsonDict) -> ListStart:
    """Return the parameters that all lists of this row begin with. `row`: the row's filters."""
    first = {**report.filters, **row} if report.filters else row
    text = "".join(f"{_parameter(pair)}&" for pair in first.items())
    is_plain = not report.filters or row.keys().isdisjoint(report.filters)
    return ListStart(row, frozenset(first), f"{LEADS}?{text}", is_plain)


def list_end(report: Report, measure: Measure, days: Days) -> ListEnd:
    """Return the parameters that all lists of the measure in these days end with."""
    known = report.list_texts
    span = (measure.event, measure.entered, measure.mature, days.first, days.end)
    own = known.get(measure) or known.setdefault(measure, _written(report.filters_of(measure)))
    of_days = known.get(span) or known.setdefault(span, _written(report.range_of(measure, days)))
    text = f"{own.text}&{of_days.text}" if own.text else of_days.text
    is_plain = own.names.isdisjoint(of_days.names)
    return ListEnd((own.filters, of_days.filters), own.names | of_days.names, text, is_plain, days)


def drill_between(report: Report, start: ListStart, end: ListEnd) -> str:
    """Return path and query of the list, as `drill` does."""
    if start.is_plain and end.is_plain and start.names.isdisjoint(end.names):
        return start.text + end.text
    return _of_overlapping((report.filters, start.row, {**end.parts[0], **end.parts[1]}), end.days)


def _written(filters: JsonObject) -> FilterText:
    return FilterText("&".join(map(_parameter, filters.items())), frozenset(filters), filters)


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
