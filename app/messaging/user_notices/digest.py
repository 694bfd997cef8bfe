"""Daily digest e-mail to admins: what has waited for a person for more than an hour."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.identity.clinic_context import ClinicContext
from app.identity.clinics import load_contexts
from app.messaging.channels import email
from app.messaging.models import NotificationState
from app.messaging.rendering.render import Wording
from app.messaging.user_notices.admin_notices import notify_admins
from app.messaging.user_preferences.kinds import NoticeKind

TEMPLATE: Final = "daily-digest"
WAITED: Final = timedelta(hours=1)
FAILED_FOR: Final = timedelta(days=7)  # failed steps are reported for so long: not every one can be corrected
DAY_STARTS: Final = time(7)  # in the clinic's local time, so that the digest of a new day comes in the morning
LONGEST_DAY: Final = timedelta(hours=26)

_PAUSED = "paused_because IS NOT NULL AND NOT active AND deleted_at IS NULL AND updated_at < :before"
_WAITING: Final = text(
    "SELECT clinic_id, sum(failed) AS failed, sum(unknown) AS unknown, sum(paused) AS paused FROM ("  # noqa: S608 (ours)
    " SELECT clinic_id, count(*) FILTER (WHERE state = 'failed') AS failed,"
    " count(*) FILTER (WHERE state = 'unknown') AS unknown, 0 AS paused FROM steps"
    " WHERE state IN ('failed', 'unknown') AND finished_at < :before AND (state = 'unknown' OR finished_at > :since)"
    " GROUP BY clinic_id"
    f" UNION ALL SELECT clinic_id, 0, 0, count(*) FROM rules WHERE {_PAUSED} GROUP BY clinic_id"
    f" UNION ALL SELECT clinic_id, 0, 0, count(*) FROM sequences WHERE {_PAUSED} GROUP BY clinic_id"
    ") AS found GROUP BY clinic_id ORDER BY clinic_id"
)
_SENT: Final = text(
    "SELECT clinic_id, user_id, created_at FROM notifications"
    " WHERE clinic_id = ANY(:clinics) AND created_at > :since AND template = :template"
)


class Waiting(NamedTuple):
    """Numbers of things in a clinic that wait for a person."""

    failed: int
    unknown: int
    paused: int


def send_digests(session: Session) -> int:
    """Send each admin at most one digest per local day of the clinic. Returns the number sent.

    The caller holds a lock, so that no other transaction sends the same.
    """
    at = clock.now()
    waiting = find_waiting(session, at)
    clinics = load_contexts(session, waiting)
    wordings = {clinic_id: wording_of(waiting[clinic_id]) for clinic_id in clinics}
    done = _had_todays(session, clinics, at)
    rows = notify_admins(
        session,
        wordings,
        template=TEMPLATE,
        channels=[email.CHANNEL.name],
        besides=done,
        notice=NoticeKind.DAILY_SUMMARY,
        at=at,
    )
    return sum(row["state"] == NotificationState.PENDING for row in rows)


def day_start(clinic: ClinicContext, at: datetime) -> datetime:
    """Return the start of the clinic's present day for digests."""
    local = at.astimezone(clinic.calendar.zone)
    day = local.date() if local.time() >= DAY_STARTS else local.date() - timedelta(days=1)
    return datetime.combine(day, DAY_STARTS, clinic.calendar.zone)


def wording_of(waiting: Waiting) -> Wording:
    """Return the text of a digest."""
    found = waiting_lines(waiting)
    return Wording("Waiting for a decision", f"This has waited for a person for more than an hour:\n\n{found}")


def waiting_lines(waiting: Waiting) -> str:
    """Return one line for each number that is not zero."""
    lines = (
        (waiting.failed, _FAILED),
        (waiting.unknown, _UNKNOWN),
        (waiting.paused, "Paused rules and sequences: {}. See GET /api/follow-up-rules?is_active=false."),
    )
    return "\n".join(f"- {line.format(number)}" for number, line in lines if number)


_FAILED: Final = (
    "Failed steps of the last seven days: {}. See GET /api/steps, then POST /api/steps/retry or"
    " POST /api/notifications/retry."
)
_UNKNOWN: Final = (
    "Messages and calls that may have arrived: {}. See GET /api/steps?state=unknown, then"
    " POST /api/notifications/resolve."
)


def find_waiting(session: Session, at: datetime) -> dict[UUID, Waiting]:
    """Return what waits for a person, by clinic id."""
    found = session.execute(_WAITING, {"before": at - WAITED, "since": at - FAILED_FOR})
    return {row.clinic_id: Waiting(int(row.failed), int(row.unknown), int(row.paused)) for row in found}


def _had_todays(session: Session, clinics: Mapping[UUID, ClinicContext], at: datetime) -> set[UUID]:
    """Return the users who already have the digest of their clinic's present day."""
    given = {"clinics": list(clinics), "since": at - LONGEST_DAY, "template": TEMPLATE}
    sent = session.execute(_SENT, given) if clinics else ()
    return {row.user_id for row in sent if row.created_at >= day_start(clinics[row.clinic_id], at)}
