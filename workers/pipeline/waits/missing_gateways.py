"""Tell admins about steps that wait for a gateway or a sending account."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy.orm import Session

from app.automation.handlers.support.context import StepContext
from app.engine.models import Reason
from app.engine.outcomes import BaseOutcome, Snooze
from app.messaging.gateways.missing import report_missing_gateway
from app.messaging.sending_accounts.missing import report_missing_account

_REPORTS: Final = {Reason.NO_GATEWAY: report_missing_gateway, Reason.NO_ACCOUNT: report_missing_account}


def report_missing_gateways(session: Session, decided: Iterable[tuple[StepContext, BaseOutcome]]) -> None:
    """Notify the admins of each clinic with such a step, at most once a day."""
    waiting = {
        (end.reason, context.clinic.id): _series(context)
        for context, end in decided
        if isinstance(end, Snooze) and end.reason in _REPORTS
    }
    for (reason, clinic_id), name in waiting.items():
        _REPORTS[reason](session, clinic_id, series=name)


def _series(context: StepContext) -> str:
    """Return the rule or sequence whose message or webhook waits."""
    note = context.notification
    return context.step.name if note is None else note.series or note.template
