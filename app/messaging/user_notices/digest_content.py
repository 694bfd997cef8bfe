"""Content of the daily digests of users and of the weekly summaries of admins, loaded for a batch of steps."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, time, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.identity.clinic_context import ClinicContext
from app.messaging.rendering.links import lead_url
from app.messaging.rendering.render import Wording
from app.messaging.user_notices.digest import Waiting, waiting_lines

MAX_LISTED: Final = 200  # notices in one e-mail
WEEK: Final = timedelta(days=7)
NOTHING: Final = Waiting(0, 0, 0)


class DigestItem(NamedTuple):
    """A notice that waits for a digest. `is_read`: the user read it in the application."""

    id: UUID
    subject: str
    lead_id: UUID | None
    is_read: bool


class WeekNumbers(NamedTuple):
    """Numbers of a clinic in a week, and of what waits now."""

    new_leads: int = 0
    converted: int = 0
    lost: int = 0
    sent: int = 0
    failed: int = 0
    waiting: Waiting = NOTHING

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened and nothing waits."""
        return not any((*self[:-1], *self.waiting))


class DigestContent(NamedTuple):
    """Content of the digest that a step sends: the notices of a day, or the numbers of a week."""

    items: tuple[DigestItem, ...] = ()
    week: WeekNumbers | None = None


# The notice in the application has the same time, template and subject matter as its e-mail.
_ITEMS: Final = text(
    "SELECT n.id, n.user_id, n.subject, n.lead_id, twin.read_at IS NOT NULL AS is_read FROM notifications n"
    " LEFT JOIN notifications twin ON twin.user_id = n.user_id AND twin.channel = 'in_app'"
    " AND twin.created_at = n.created_at AND twin.template = n.template AND twin.lead_id IS NOT DISTINCT FROM n.lead_id"
    " AND twin.task_id IS NOT DISTINCT FROM n.task_id AND twin.step_id IS NOT DISTINCT FROM n.step_id"
    " WHERE n.user_id = ANY(:users) AND n.reason = 'waits_for_digest' AND n.state = 'suppressed'"
    " ORDER BY n.created_at, n.id FOR NO KEY UPDATE OF n"
)
_LEADS: Final = text(
    "SELECT count(*) FILTER (WHERE created_at >= :since AND created_at < :until) AS new_leads,"
    " count(*) FILTER (WHERE converted_at >= :since AND converted_at < :until) AS converted,"
    " count(*) FILTER (WHERE lost_at >= :since AND lost_at < :until) AS lost"
    " FROM leads WHERE clinic_id = :clinic AND deleted_at IS NULL"
)
_MESSAGES: Final = text(
    "SELECT count(*) FILTER (WHERE state = 'sent') AS sent, count(*) FILTER (WHERE state = 'failed') AS failed"
    " FROM notifications WHERE clinic_id = :clinic AND created_at >= :since AND created_at < :until"
    " AND user_id IS NULL"
)


def load_items(session: Session, user_ids: Collection[UUID]) -> Mapping[UUID, tuple[DigestItem, ...]]:
    """Return the notices that wait for the digests of these users, the oldest first, and lock them."""
    found: dict[UUID, dict[UUID, DigestItem]] = defaultdict(dict)
    for row in session.execute(_ITEMS, {"users": list(user_ids)}):
        found[row.user_id].setdefault(row.id, DigestItem(row.id, row.subject, row.lead_id, row.is_read))
    return {user_id: tuple(items.values()) for user_id, items in found.items()}


def load_week(session: Session, clinic: ClinicContext, monday: date, *, waiting: Waiting = NOTHING) -> WeekNumbers:
    """Return the numbers of the seven local days before this Monday."""
    since, until = (clinic.calendar.at_wall_time(day, time()) for day in (monday - WEEK, monday))
    period = {"clinic": clinic.id, "since": since, "until": until}
    leads, messages = (session.execute(query, period).one() for query in (_LEADS, _MESSAGES))
    return WeekNumbers(leads.new_leads, leads.converted, leads.lost, messages.sent, messages.failed, waiting)


def daily_wording(items: Collection[DigestItem]) -> Wording:
    """Return the text of a daily digest."""
    listed = [_line(item) for item in [*items][:MAX_LISTED]]
    more = len(items) - len(listed)
    lines = [*listed, f"- and {more} more in the application"] if more else listed
    number = "1 notice" if len(items) == 1 else f"{len(items)} notices"
    return Wording(f"Your digest: {number}", "Since your last digest:\n\n" + "\n".join(lines))


def _line(item: DigestItem) -> str:
    return f"- {item.subject}" + (f"\n  {lead_url(item.lead_id)}" if item.lead_id else "")


def weekly_wording(clinic_name: str, monday: date, week: WeekNumbers) -> Wording:
    """Return the text of a weekly summary."""
    first = monday - WEEK
    body = (
        f"{clinic_name}, {first} to {monday - timedelta(days=1)}:\n\n"
        f"- New leads: {week.new_leads}. Converted: {week.converted}. Lost: {week.lost}.\n"
        f"- Messages to leads: {week.sent} sent, {week.failed} failed."
    )
    lines = waiting_lines(week.waiting)
    return Wording(f"The week at {clinic_name}", f"{body}\n\nWaiting for a person:\n\n{lines}" if lines else body)
