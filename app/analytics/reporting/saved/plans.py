"""Plan the steps that mail saved reports. The dedupe key allows one per report, recipient, and week or month."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.analytics.reporting.saved.schedules import Mailing, Schedule, dedupe_key, mailings
from app.config import get_settings
from app.core.db import AnyRow
from app.core.type_aliases import ColumnDict
from app.engine.models import BegunBy, Kind
from app.engine.service import add_steps, step_row
from app.messaging.user_preferences.routes import DIGEST_AT

AHEAD: Final = timedelta(minutes=15)  # e-mails are planned so long before
MAX_LATENESS: Final = timedelta(days=31)  # after an outage, e-mails of so many days are sent

# Recipients who may not get the report any more are planned too: the step tells why it is skipped.
_SCHEDULED: Final = text(
    "SELECT r.id, r.clinic_id, r.schedule, r.scheduled_at, u.id AS user_id, p.digest_at,"
    " coalesce(p.timezone, c.timezone) AS timezone FROM saved_reports r"
    " CROSS JOIN jsonb_array_elements_text(r.schedule -> 'recipients') AS recipient"
    " JOIN users u ON u.id = CAST(recipient AS uuid) AND u.clinic_id = r.clinic_id"
    " JOIN clinics c ON c.id = r.clinic_id LEFT JOIN notice_preferences p ON p.id = u.id"
    " WHERE r.schedule IS NOT NULL AND coalesce(r.schedule ->> 'is_paused', 'false') = 'false'"
)
_KNOWN: Final = text("SELECT dedupe_key FROM steps WHERE clinic_id = ANY(:clinics) AND dedupe_key = ANY(:keys)")


class Plan(NamedTuple):
    """An e-mail to plan."""

    clinic_id: UUID
    report_id: UUID
    user_id: UUID
    schedule: Schedule
    mailing: Mailing

    @property
    def key(self) -> str:
        """The dedupe key: one e-mail per report, recipient, and week or month."""
        return dedupe_key(self.report_id, self.user_id, self.schedule.every, self.mailing.period)


def plan_reports(session: Session) -> int:
    """Plan the e-mails that are due soon, and those that an outage has left out. Returns the number planned."""
    at = clock.now()
    plans = [plan for row in session.execute(_SCHEDULED) for plan in _plans(row, at)]
    known = _known(session, plans)
    chosen = [plan for plan in plans if plan.key not in known]
    add_steps(session, [_step(plan) for plan in chosen])
    return len(chosen)


def _plans(row: AnyRow, at: datetime) -> Iterator[Plan]:
    schedule = Schedule.from_json(row.schedule)
    digest_at = time.fromisoformat(row.digest_at) if row.digest_at else DIGEST_AT
    since = max(row.scheduled_at, at - _lateness())
    for one in mailings(schedule, digest_at, ZoneInfo(row.timezone), after=since, until=at + AHEAD):
        yield Plan(row.clinic_id, row.id, row.user_id, schedule, one)


def _lateness() -> timedelta:
    """Return how late an e-mail may be. Finished steps are kept longer: they prevent a second one."""
    return min(MAX_LATENESS, timedelta(days=max(get_settings().keep_finished_days - 1, 1)))


def _known(session: Session, plans: Sequence[Plan]) -> set[str]:
    given = {"clinics": list({plan.clinic_id for plan in plans}), "keys": [plan.key for plan in plans]}
    return set(session.scalars(_KNOWN, given)) if plans else set()


def _step(plan: Plan) -> ColumnDict:
    return step_row(
        plan.clinic_id,
        None,
        kind=Kind.SEND_REPORT,
        name=Kind.SEND_REPORT,
        params={
            "saved_report_id": str(plan.report_id),
            "user_id": str(plan.user_id),
            "period": plan.mailing.period.isoformat(),
        },
        cause={"user_id": str(plan.user_id)},
        begun_by=BegunBy.NOTICE,
        due_at=plan.mailing.due_at,
        lateness=int(_lateness().total_seconds()),
        dedupe_key=plan.key,
    )
