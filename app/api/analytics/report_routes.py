"""Routes of reports by name."""

from app.analytics.reporting.catalogue import NAMED_REPORTS
from app.analytics.reporting.run import run_report
from app.api.analytics.files import ReportFormat, also_as_file
from app.api.analytics.report_schemas import NamedReportOut, NamedReportQuery, NamedReportsOut
from app.core.type_aliases import JsonDict
from app.http.access import allow, read_from_replica
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint(
    "reports",
    __name__,
    url_prefix="/api/leads/analytics/reports",
    description="Reports by name: as JSON, as a file, or as a page that prints on A4.",
)


@blp.get("")
@allow(Permission.LEAD_ANALYTICS)
@blp.response(200, NamedReportsOut)
def list_reports() -> JsonDict:
    """List the reports by name.

    First those of several metrics, then those of one metric.
    """
    return {"reports": list(NAMED_REPORTS.values())}


@blp.get("/<report_name>")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(NamedReportQuery)
@blp.response(200, NamedReportOut)
@also_as_file(blp, *ReportFormat)
def show_report(query: JsonDict, report_name: str) -> JsonDict:
    """Show a report.

    The format is that of `format`, else of the header `Accept`: JSON, CSV (a line for each figure), XLSX (a sheet with
    a line for each row, and one with a line for each figure) or HTML. In CSV, text that a spreadsheet would run as a
    formula starts with an apostrophe.
    """
    return read_from_replica(run_report, report_name, query)
