"""Plan the steps that send daily digests and weekly summaries. The dedupe key allows one per user and day."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.calendar.calendar import instant_at
from app.core.db import AnyRow
from app.core.type_aliases import ColumnDict
from app.engine.models import PENDING, BegunBy, Kind, StepState
from app.engine.service import add_steps, step_row
from app.identity.models import Role
from app.messaging.user_preferences.routes import DIGEST_AT

MAX_LATENESS: Final = timedelta(hours=12)  # a later digest is skipped; its notices go into the next one
SUMMARY_LATENESS: Final = timedelta(days=1)
AHEAD: Final = timedelta(minutes=15)  # weekly summaries are planned so long before
DAY, WEEK = "day", "week"  # values of the parameter `period`
_RUNS: Final = (*PENDING, StepState.RUNNING)

_OWN: Final = "coalesce(p.timezone, c.timezone) AS timezone, p.digest_at"
_JOINS: Final = "JOIN clinics c ON c.id = u.clinic_id LEFT JOIN notice_preferences p ON p.id = u.id"
_WAITING: Final = text(
    f"SELECT u.id, u.clinic_id, w.oldest, {_OWN} FROM (SELECT user_id, min(created_at) AS oldest FROM notifications"  # noqa: S608
    " WHERE reason = 'waits_for_digest' AND state = 'suppressed' GROUP BY user_id) AS w"
    f" JOIN users u ON u.id = w.user_id AND u.is_active {_JOINS}"
)
_ADMINS: Final = text(
    f"SELECT u.id, u.clinic_id, {_OWN} FROM users u {_JOINS} WHERE u.is_active AND u.role = :role"  # noqa: S608
)
_KNOWN: Final = text("SELECT dedupe_key, state FROM steps WHERE clinic_id = ANY(:clinics) AND dedupe_key = ANY(:keys)")


class Plan(NamedTuple):
    """A digest to plan: the local day and the instant."""

    user_id: UUID
    clinic_id: UUID
    period: str
    day: date
    due_at: datetime

    @property
    def key(self) -> str:
        """The dedupe key: one digest per user and day."""
        return f"digest:{self.period}:{self.user_id}:{self.day.isoformat()}"


def plan_digests(session: Session) -> int:
    """Plan the next digest of each user with notices that wait for it. Returns the number planned."""
    at = clock.now()
    users: Sequence[AnyRow] = session.execute(_WAITING).all()
    first, following = ([_daily(user, user.oldest) for user in users], [_daily(user, at) for user in users])
    known = _states(session, [*first, *following])
    chosen = [_next_free((one, other), known) for one, other in zip(first, following, strict=True)]
    return _add(session, [plan for plan in chosen if plan is not None])


def plan_weekly_summaries(session: Session) -> int:
    """Plan the weekly summaries of admins that are due soon. Returns the number planned."""
    at = clock.now()
    plans = [_weekly(user, at + AHEAD) for user in session.execute(_ADMINS, {"role": Role.CLINIC_ADMIN})]
    soon = [plan for plan in plans if at - SUMMARY_LATENESS < plan.due_at]
    known = _states(session, soon)
    return _add(session, [plan for plan in soon if plan.key not in known])


def digest_instant(day: date, digest_at: str | None, timezone: str) -> datetime:
    """Return the instant of a digest on a local day, also on the days of a clock change."""
    wall = time.fromisoformat(digest_at) if digest_at else DIGEST_AT
    return instant_at(datetime.combine(day, wall), ZoneInfo(timezone))


def _daily(user: AnyRow, after: datetime) -> Plan:
    day = after.astimezone(ZoneInfo(user.timezone)).date()
    due_at = digest_instant(day, user.digest_at, user.timezone)
    if due_at <= after:
        day += timedelta(days=1)
        due_at = digest_instant(day, user.digest_at, user.timezone)
    return Plan(user.id, user.clinic_id, DAY, day, due_at)


def _weekly(user: AnyRow, before: datetime) -> Plan:
    """Return the latest summary that is due before an instant: on Mondays."""
    today = before.astimezone(ZoneInfo(user.timezone)).date()
    monday = today - timedelta(days=today.weekday())
    due_at = digest_instant(monday, user.digest_at, user.timezone)
    if due_at > before:
        monday -= timedelta(days=7)
        due_at = digest_instant(monday, user.digest_at, user.timezone)
    return Plan(user.id, user.clinic_id, WEEK, monday, due_at)


def _states(session: Session, plans: Collection[Plan]) -> dict[str, str]:
    """Return the states of the steps of these digests that exist, by dedupe key."""
    given = {"clinics": list({plan.clinic_id for plan in plans}), "keys": [plan.key for plan in plans]}
    return {row.dedupe_key: row.state for row in session.execute(_KNOWN, given)} if plans else {}


def _next_free(plans: Iterable[Plan], known: dict[str, str]) -> Plan | None:
    """Return the first of these digests that was not sent yet; None if one is planned already."""
    for plan in plans:
        state = known.get(plan.key)
        if state is None or state in _RUNS:
            return plan if state is None else None
    return None


def _add(session: Session, plans: Sequence[Plan]) -> int:
    add_steps(session, [_step(plan) for plan in plans])
    return len(plans)


def _step(plan: Plan) -> ColumnDict:
    lateness = MAX_LATENESS if plan.period == DAY else SUMMARY_LATENESS
    return step_row(
        plan.clinic_id,
        None,
        kind=Kind.SEND_DIGEST,
        name=Kind.SEND_DIGEST,
        params={"user_id": str(plan.user_id), "period": plan.period, "day": plan.day.isoformat()},
        cause={"user_id": str(plan.user_id)},
        begun_by=BegunBy.NOTICE,
        due_at=plan.due_at,
        lateness=int(lateness.total_seconds()),
        dedupe_key=plan.key,
    )
