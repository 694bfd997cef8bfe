"""The list of leads behind a figure: a query of `GET /api/leads`."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from app.analytics.counting import Dimension
from app.analytics.measures import Measure
from app.analytics.periods import Days
from app.analytics.report import Report
from app.core.type_aliases import JsonDict

LEADS: Final = "/api/leads"
_NOWHERE: Final = {"has_coordinator": False}  # for leads without a coordinator


def drill(report: Report, measure: Measure, days: Days, row: JsonDict) -> str:
    """Return path and query of the list with exactly the leads that the measure counts. `row`: the row's filters."""
    parts = (report.filters, row, report.filters_of(measure), report.range_of(measure, days))
    query: JsonDict = {}
    contradicts = False
    for part in parts:
        contradicts |= any(query.get(name, value) != value for name, value in part.items())
        query |= part
    if contradicts:  # one parameter cannot have two values: no lead has both
        query["created_from"] = query["created_to"] = days.since
    return f"{LEADS}?{urlencode({name: _text(value) for name, value in query.items()})}"


def row_filters(dimension: Dimension | None, key: Any) -> JsonDict:
    """Return the filters for the leads of a row."""
    if dimension is None:
        return {}
    return _NOWHERE if dimension is Dimension.COORDINATOR and key is None else {dimension: key}


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)
