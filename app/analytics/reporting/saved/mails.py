"""The e-mail with a saved report to one recipient."""

from datetime import date
from io import BytesIO
from typing import Final
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session

from app.analytics.reporting.catalogue import NAMED_REPORTS
from app.analytics.reporting.printing.page import Heading, print_page
from app.analytics.reporting.printing.text import report_text
from app.analytics.reporting.printing.values import days_text, last_day
from app.analytics.reporting.relative_periods import RelativePeriod
from app.analytics.reporting.run import run_report
from app.analytics.reporting.saved.models import SavedReport
from app.analytics.reporting.saved.parameters import from_json
from app.analytics.reporting.saved.schedules import AttachedFile, Schedule, mailing_of
from app.analytics.reporting.spreadsheets import figure_lines
from app.config import get_settings
from app.core.files.csv_files import write_csv
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import RelanceError
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.permissions import Permission
from app.identity.users.acting import actor_of
from app.messaging.rendering.attachment import Attachment
from app.messaging.rendering.render import Wording
from app.messaging.user_notices.report_mail import ReportMail
from app.messaging.user_preferences.load import notice_settings_of
from app.messaging.user_preferences.routes import DEFAULT_SETTINGS

NUMBERS_PATH: Final = "/numbers"  # the page of the console
LARGEST_FILE: Final = 2_000_000  # bytes; a larger file is left out, and the text says so
_LINKED: Final[tuple[str, ...]] = ("basis", "compare", "source_id", "assigned_to_id")  # parameters that the page takes
_TOO_LARGE: Final = "The file is too large for an e-mail. Run the saved report to get it."

log = structlog.get_logger()


def write_report_mail(session: Session, clinic: ClinicContext, params: JsonObject) -> ReportMail | None:
    """Return the e-mail of a step. Figures count the leads that the recipient may see.

    None if the schedule is paused, or if the report, its schedule, its owner, the recipient or the recipient's
    permission is gone, or if the report cannot be computed.
    """
    row = session.get(SavedReport, UUID(params["saved_report_id"]))
    user_id = UUID(params["user_id"])
    if row is None or row.clinic_id != clinic.id or row.schedule is None:
        return None
    schedule = Schedule.from_json(row.schedule)
    reader, owner = (actor_of(session, clinic, one, Permission.LEAD_ANALYTICS) for one in (user_id, row.user_id))
    if schedule.is_paused or user_id not in schedule.recipients or reader is None or owner is None:
        return None
    settings = notice_settings_of(session, clinic).get(user_id, DEFAULT_SETTINGS)
    zone = ZoneInfo(settings.timezone) if settings.timezone else clinic.calendar.zone
    mailing = mailing_of(schedule, date.fromisoformat(params["period"]), settings.digest_at, zone)
    report = _run(session, reader, row, today=mailing.day)
    if report is None:
        return None
    file = _file(row, report, schedule.attach, clinic)
    is_too_large = file is not None and len(file.content) > LARGEST_FILE
    wording, html = _texts(row, report, clinic, note=_TOO_LARGE if is_too_large else "")
    return ReportMail(mailing.due_at, wording, html, None if is_too_large else file)


def _run(session: Session, reader: Actor, row: SavedReport, *, today: date) -> JsonDict | None:
    query: JsonDict = {"period": RelativePeriod.LAST_90_DAYS, **from_json(row.parameters)}
    try:
        return run_report(session, reader, row.report, query, today=today)
    except RelanceError as refusal:
        log.warning("report.not_computed", saved_report_id=str(row.id), error=str(refusal))
        return None


def _texts(row: SavedReport, report: JsonDict, clinic: ClinicContext, *, note: str) -> tuple[Wording, str]:
    link = _numbers_url(row, report)
    subject = f"{row.name}: {days_text(report['from_'], report['to'])}"
    body = f"{report_text(report, clinic.name)}\n\n{link}"
    heading = Heading(clinic.name, row.name, link)
    return Wording(subject, f"{body}\n\n{note}" if note else body), print_page(report, heading)


def _numbers_url(row: SavedReport, report: JsonObject) -> str:
    """Return the URL of the console's page with these days and filters. Reading the figures needs a sign-in."""
    given: JsonDict = {name: row.parameters[name] for name in _LINKED if name in row.parameters}
    query: JsonDict = {"period": "own", "from": report["from_"], "to": last_day(report["to"]), **given}
    return f"{get_settings().own_url}{NUMBERS_PATH}?{urlencode(query)}"


def _file(row: SavedReport, report: JsonDict, wanted: AttachedFile | None, clinic: ClinicContext) -> Attachment | None:
    name = f"{row.report}-{report['from_']}.{wanted}"
    match wanted:
        case AttachedFile.CSV:
            file = BytesIO()
            write_csv(figure_lines(report), file)
            return Attachment(name, "text/csv", file.getvalue())
        case AttachedFile.HTML:
            page = print_page(report, Heading(clinic.name, row.name), NAMED_REPORTS[row.report].charts)
            return Attachment(name, "text/html", page.encode())
        case _:
            return None
