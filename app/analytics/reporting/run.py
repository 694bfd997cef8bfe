"""Run a report by its name, for absolute days or for a relative period."""

from datetime import date
from typing import Final

from sqlalchemy.orm import Session

from app.analytics.periods import By, days_of
from app.analytics.reporting.catalogue import NamedReport, find_report
from app.analytics.reporting.relative_periods import RelativePeriod, span_of
from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor

MOST_DAY_PARTS: Final = 31


def run_report(session: Session, actor: Actor, name: str, query: JsonObject, *, today: date | None = None) -> JsonDict:
    """Return the fields of NamedReportOut, and the `charts` of the page. `query` as loaded by NamedReportQuery.

    `today` is the local day to which a period is relative; by default it is the present day. Raises NotFound, Invalid.
    """
    named = find_report(name)
    days = _with_days(actor, query, today)
    made = named.make(session, actor, _with_parts(actor, named, days))
    return {"name": named.name, "title": named.title, "words": named.words, "charts": named.charts, **made}


def _with_days(actor: Actor, query: JsonObject, today: date | None) -> JsonDict:
    """Return the query with the days of its relative period."""
    rest = {name: value for name, value in query.items() if name not in {"period", "format"}}
    if "period" not in query:
        return rest
    first, end = span_of(RelativePeriod(query["period"]), today or actor.clinic.calendar.local(now()).date())
    return {**rest, "from_": first, "to": end}


def _with_parts(actor: Actor, named: NamedReport, query: JsonDict) -> JsonDict:
    """Return the query with the parts that the report has by default."""
    if "by" in query or not (named.by or named.days_up_to_weeks):
        return query
    if named.by:
        return {**query, "by": named.by}
    days = days_of(query.get("from_"), query.get("to"), actor.clinic.calendar, now=now())
    return {**query, "by": By.DAY if (days.end - days.first).days <= MOST_DAY_PARTS else By.WEEK}
