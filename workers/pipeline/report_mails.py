"""E-mails with saved reports that the steps of a batch send."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from app.analytics.reporting.saved.mails import write_report_mail
from app.engine.models import Kind
from app.identity.clinic_context import ClinicContext
from app.messaging.user_notices.report_mail import ReportMail
from workers.pipeline.claim import ClaimedStep


def load_report_mails(
    session: Session, rows: Sequence[ClaimedStep], clinics: Mapping[UUID, ClinicContext]
) -> Mapping[UUID, ReportMail]:
    """Return the e-mails by step id; no query runs for a batch without reports. Steps without one are left out."""
    sending = [row for row in rows if row.kind == Kind.SEND_REPORT]
    written = {row.id: write_report_mail(session, clinics[row.clinic_id], row.params) for row in sending}
    return {step_id: mail for step_id, mail in written.items() if mail is not None}
