"""Values of figures as text for people."""

from datetime import date, timedelta
from typing import Final

from app.analytics.metrics.metric import Unit
from app.core.type_aliases import JsonDict, JsonObject

NOTHING: Final = "\N{EN DASH}"  # the value cannot be computed


def value_text(value: float | None, unit: str) -> str:
    """Return a value with its unit, such as `12.5 %`; a dash without a value."""
    if value is None:
        return NOTHING
    match unit:
        case Unit.SHARE:
            return f"{value * 100:,.1f} %"
        case Unit.MONEY:
            return f"{value:,.2f}"
        case Unit.DAYS:
            return f"{value:,.1f} days"
        case Unit.MINUTES:
            return f"{value:,.0f} min"
        case _:
            return f"{value:,.0f}"


def with_dates(report: JsonObject) -> JsonDict:
    """Return the report with the day instead of the field's name `mature_before` in its definitions."""
    day = str(report["mature_before"])
    definitions = [{**one, "words": one["words"].replace("`mature_before`", day)} for one in report["definitions"]]
    return {**report, "definitions": definitions}


def days_text(first: date, end: date) -> str:
    """Return the days from `first` to before `end`, such as `2026-01-01 to 2026-01-31`."""
    last = last_day(end)
    return str(first) if last == first else f"{first} to {last}"


def last_day(end: date) -> date:
    """Return the last day before the exclusive `end`."""
    return end - timedelta(days=1)
