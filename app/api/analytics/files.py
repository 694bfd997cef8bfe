"""Reports as JSON, CSV, XLSX or a printable page, as the query or the `Accept` header asks."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import wraps
from io import BytesIO
from typing import Any, Final, TypeVar, cast

from flask import Response, request

from app.analytics.reporting.catalogue import Chart
from app.analytics.reporting.printing import page
from app.analytics.reporting.printing.page import Heading, content_security_policy, print_page
from app.analytics.reporting.spreadsheets import count_figures, figure_lines, row_lines
from app.audit import audit_log
from app.core.files.csv_files import write_csv
from app.core.files.xlsx import Sheet, write_workbook
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import Conflict
from app.http.access import actor, reading
from app.http.blueprint import Blueprint

View = TypeVar("View", bound=Callable[..., Any])


class ReportFormat(StrEnum):
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    HTML = "html"


DATA_FORMATS: Final = (ReportFormat.JSON, ReportFormat.CSV, ReportFormat.XLSX)
MOST_FIGURES: Final = 100_000
_CONTENT_TYPES: Final[Mapping[ReportFormat, str]] = {
    ReportFormat.JSON: "application/json",
    ReportFormat.CSV: "text/csv; charset=utf-8",
    ReportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ReportFormat.HTML: page.CONTENT_TYPE,
}
_SCHEMAS: Final[Mapping[ReportFormat, JsonObject]] = {
    ReportFormat.CSV: {"type": "string"},
    ReportFormat.XLSX: {"type": "string", "format": "binary"},
    ReportFormat.HTML: {"type": "string"},
}
_PAGE_HEADERS: Final = {"Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cache-Control": "no-store"}


class ReportTooLarge(Conflict):
    """A file has at most 100,000 figures: choose a shorter period, longer parts, or filters."""


def also_as_file(blp: Blueprint, *formats: ReportFormat) -> Callable[[View], View]:
    """Let a view that returns the fields of AnalyticsOut answer files too. It stands below `blp.response`.

    The view's last argument is the query. A file is noted in the audit log. Raises ReportTooLarge.
    """
    offered = formats or DATA_FORMATS

    def decorate(view: View) -> View:
        @wraps(view)
        def write(query: JsonDict, *args: object, **kwargs: object) -> Any:
            report = view(query, *args, **kwargs)
            chosen = _chosen(query, offered)
            name = report.get("name") or view.__name__.removeprefix("show_").replace("_", "-")
            return report if chosen is ReportFormat.JSON else _respond(chosen, name, report)

        content = {_media_type(one): {"schema": schema} for one, schema in _SCHEMAS.items() if one in offered}
        documented = blp.doc(responses={200: {"content": content}})(blp.alt_response(409, "CONFLICT")(write))
        return cast("View", documented)

    return decorate


def _chosen(query: JsonObject, offered: Sequence[ReportFormat]) -> ReportFormat:
    """Return the format that the query names, else the one that the client accepts best, else JSON."""
    if "format" in query:
        return ReportFormat(query["format"])
    by_type = {_media_type(one): one for one in offered}
    return by_type[request.accept_mimetypes.best_match(list(by_type), _media_type(ReportFormat.JSON))]


def _media_type(one: ReportFormat) -> str:
    return _CONTENT_TYPES[one].partition(";")[0]


def _respond(chosen: ReportFormat, name: str, report: JsonDict) -> Response:
    if count_figures(report) > MOST_FIGURES:
        raise ReportTooLarge
    with reading() as session:
        audit_log.note_read(session, f"report:{name}", [report.get("saved_report_id") or actor().clinic.id])
    headers = {"Vary": "Accept", **_headers(chosen, f"{name}-{report['from_']}.{chosen}")}
    return Response(_content(chosen, report), headers=headers, content_type=_CONTENT_TYPES[chosen])


def _headers(chosen: ReportFormat, file_name: str) -> Mapping[str, str]:
    if chosen is ReportFormat.HTML:
        return {**_PAGE_HEADERS, "Content-Security-Policy": content_security_policy()}
    return {"Content-Disposition": f'attachment; filename="{file_name}"'}


def _content(chosen: ReportFormat, report: JsonDict) -> bytes:
    if chosen is ReportFormat.HTML:
        charts: Sequence[Chart] = report["charts"]
        return print_page(report, Heading(actor().clinic.name, report.get("saved_name", "")), charts).encode()
    file = BytesIO()
    if chosen is ReportFormat.CSV:
        write_csv(figure_lines(report), file)
    else:
        write_workbook([Sheet("Report", row_lines(report)), Sheet("Figures", figure_lines(report))], file)
    return file.getvalue()
