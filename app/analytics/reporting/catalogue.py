"""Reports by name: the nine metrics and the six reports of lead-management.md, section 8.1.6, and campaigns (8.1.2)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from sqlalchemy.orm import Session

from app.analytics import reports
from app.analytics.counting import Dimension
from app.analytics.metrics import definitions
from app.analytics.metrics.metric import Metric
from app.analytics.periods import By
from app.analytics.report import read_report
from app.analytics.reporting.marketing_return import CONVERTED_VALUE, value_of, with_return
from app.analytics.tables import Table, table_report
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import NotFound
from app.identity.actor import Actor

Make: TypeAlias = Callable[[Session, Actor, JsonObject], JsonDict]


class ReportKind(StrEnum):
    METRIC = "metric"
    REPORT = "report"


class Shape(StrEnum):
    BARS = "bars"  # a bar for each row
    FUNNEL = "funnel"  # a centred bar for each row, in order
    LINES = "lines"  # a line for each row over the parts of the period


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of one metric. Of several names, the first that the report has is shown."""

    shape: Shape
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamedReport:
    """A report with a name. `make(session, actor, query)` returns the fields of AnalyticsOut.

    `by`: its parts unless the query names others. `days_up_to_weeks`: parts are days, and weeks in periods over 31
    days.
    """

    name: str
    title: str
    words: str
    kind: ReportKind
    make: Make
    charts: Sequence[Chart]
    by: By | None = None
    days_up_to_weeks: bool = False


def _bars(*metrics: str) -> Chart:
    return Chart(Shape.BARS, metrics)


def _lines(*metrics: str) -> Chart:
    return Chart(Shape.LINES, metrics)


def _table(*metrics: Metric, rows: Dimension | None = None) -> Make:
    def make(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
        return table_report(session, read_report(session, actor, query), Table(metrics, rows), query)

    return make


def _of_metric(metric: Metric, *, rows: Dimension | None = None) -> NamedReport:
    formula = next(iter(metric.formulas.values()))
    charts = (_bars(metric.name), _lines(metric.name)) if rows else (_lines(metric.name),)
    name = metric.name.replace("_", "-")
    return NamedReport(name, metric.label, formula.words, ReportKind.METRIC, _table(metric, rows=rows), charts)


def _leaderboard(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the coordinators, the best conversion rate first."""
    rate = definitions.COORDINATOR_CONVERSION_RATE.name
    report = reports.coordinator_report(session, actor, query)

    def order(row: JsonDict) -> tuple[bool, float, float, str]:
        value, converted = value_of(row["figures"], rate), value_of(row["figures"], "converted_leads")
        return value is None, -(value or 0), -(converted or 0), row["label"]

    return {**report, "rows": sorted(report["rows"], key=order)}


_RETURN: Final = _table(
    definitions.TOTAL_LEADS,
    definitions.CONVERTED_LEADS,
    CONVERTED_VALUE,
    definitions.MARKETING_SPEND,
    definitions.COST_PER_LEAD,
    definitions.COST_PER_ACQUISITION,
    rows=Dimension.SOURCE,
)


def _marketing_return(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    return with_return(_RETURN(session, actor, query))


_SUMMARY: Final = _table(
    definitions.TOTAL_LEADS, definitions.CONVERTED_LEADS, definitions.LOST_LEADS, *definitions.SUMMARY[1:]
)

_REPORTS: Final = (
    NamedReport(
        "lead-summary",
        "Daily and weekly lead summary",
        "New, converted and lost leads with the key metrics, by day; by week in periods of more than 31 days.",
        ReportKind.REPORT,
        _SUMMARY,
        (_lines("total_leads"), _lines("converted_leads")),
        days_up_to_weeks=True,
    ),
    NamedReport(
        "conversion-funnel",
        "Monthly conversion funnel",
        "Leads that reached each stage, with conversion and drop-off from the stage before, by month.",
        ReportKind.REPORT,
        reports.funnel_report,
        (Chart(Shape.FUNNEL, ("reached", "entered")), _bars("conversion")),
        by=By.MONTH,
    ),
    NamedReport(
        "source-comparison",
        "Source comparison",
        "Leads, conversions, losses, value and costs of each source.",
        ReportKind.REPORT,
        reports.source_report,
        (_bars("total_leads"), _bars("conversion_rate"), _lines("total_leads")),
    ),
    NamedReport(
        "campaign-comparison",
        "Campaign comparison",
        "Leads, conversions, losses and value of each campaign.",
        ReportKind.REPORT,
        reports.campaign_report,
        (_bars("conversion_rate"), _bars("total_leads"), _lines("total_leads")),
    ),
    NamedReport(
        "coordinator-leaderboard",
        "Coordinator leaderboard",
        "Coordinators with their leads, the best conversion rate first.",
        ReportKind.REPORT,
        _leaderboard,
        (_bars("coordinator_conversion_rate"), _bars("converted_leads"), _lines("converted_leads")),
    ),
    NamedReport(
        "lost-lead-analysis",
        "Lost lead analysis",
        "Number, share, value and time to loss of each reason.",
        ReportKind.REPORT,
        reports.lost_reason_report,
        (_bars("lost_leads"), _bars("lost_value"), _lines("lost_leads")),
    ),
    NamedReport(
        "marketing-roi",
        "Marketing ROI",
        "Spend, costs per lead and per acquisition, value of converted leads and return of each source.",
        ReportKind.REPORT,
        _marketing_return,
        (_bars("return_on_investment"), _bars("marketing_spend"), _bars("cost_per_acquisition")),
    ),
)
_METRICS: Final = (
    _of_metric(definitions.TOTAL_LEADS),
    _of_metric(definitions.CONVERSION_RATE),
    _of_metric(definitions.AVERAGE_TIME_TO_CONVERT),
    _of_metric(definitions.CONSULTATION_SHOW_RATE),
    _of_metric(definitions.TREATMENT_ACCEPTANCE_RATE),
    _of_metric(definitions.COST_PER_LEAD),
    _of_metric(definitions.COST_PER_ACQUISITION),
    _of_metric(definitions.LEAD_SOURCE_MIX, rows=Dimension.SOURCE),
    _of_metric(definitions.COORDINATOR_CONVERSION_RATE, rows=Dimension.COORDINATOR),
)
NAMED_REPORTS: Final = {one.name: one for one in (*_REPORTS, *_METRICS)}


def report_names() -> list[str]:
    """Return the names of all reports, in the order of the list."""
    return list(NAMED_REPORTS)


def find_report(name: str) -> NamedReport:
    """Return the report of this name. Raises NotFound."""
    if name not in NAMED_REPORTS:
        raise NotFound
    return NAMED_REPORTS[name]
