"""State of the breakers in the database, so that all hosts agree."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.engine.outcomes import ChannelResult
from app.engine.steps.holds import IS_HELD
from app.engine.steps.waiting import outage_of, wake_by_turns
from app.messaging.outages.breaker import AGE_PER_INTERVAL, LOGIN_REFUSED, SHORTEST_INTERVAL, THRESHOLD
from app.messaging.outages.models import ChannelOutage

RELEASE_FOR: Final = timedelta(minutes=10)  # after the end of an outage, waiting steps are looked up
FIRST_RELEASED: Final = 20  # messages that show whether the target works again
RELEASED: Final = 5000

NOTIFY_AGAIN_AFTER: Final = timedelta(hours=1)  # an outage that returns sooner is not reported again

# SQL of all failing targets, as `breaker.Outages`. The table has a row for each failing channel or gateway.
OUTAGES_SQL: Final = (
    "(SELECT jsonb_object_agg(o.target, jsonb_build_array(o.failures, o.checked_at))"
    " FROM channel_outages o WHERE o.failures > 0)"
)


class Probe(NamedTuple):
    """A target that is to be asked: a gateway, a sending account, or else a channel of all clinics."""

    target: str
    gateway_id: UUID | None
    account_id: UUID | None


class NewOutage(NamedTuple):
    """An outage that admins have to know: of a gateway, of a sending account, or else of a channel of all clinics."""

    target: str
    gateway_id: UUID | None
    account_id: UUID | None
    error: str | None
    failing_since: datetime


_FAILED: Final = text(
    "INSERT INTO channel_outages AS o (target, gateway_id, account_id, failures, error, failing_since)"
    " VALUES (:target, :gateway_id, :account_id, 1, :error, :now) ON CONFLICT (target) DO UPDATE SET"
    " failures = o.failures + 1, error = excluded.error,"
    " failing_since = CASE WHEN o.failures = 0 THEN excluded.failing_since ELSE o.failing_since END,"
    " opened_at = CASE WHEN o.failures + 1 >= :threshold THEN coalesce(o.opened_at, :now) END,"
    " checked_at = CASE WHEN o.failures + 1 >= :threshold THEN CAST(:now AS timestamptz) END"
)
_WORKED: Final = text(
    "UPDATE channel_outages SET failures = 0, error = NULL, opened_at = NULL, checked_at = NULL,"
    " closed_at = CASE WHEN opened_at IS NULL THEN closed_at ELSE :now END WHERE target = :target AND failures > 0"
    " RETURNING target"
)
# As `breaker.probe_interval`.
_INTERVAL: Final = (
    "CASE WHEN error ~ :login_refused THEN CAST(:longest AS interval)"
    " ELSE least(greatest((checked_at - failing_since) / :age_per_interval, :shortest), :longest) END"
)
_CLAIM: Final = text(
    "UPDATE channel_outages SET checked_at = :now WHERE target = (SELECT target FROM channel_outages"  # noqa: S608
    f" WHERE opened_at IS NOT NULL AND checked_at <= :now - ({_INTERVAL}) AND NOT {IS_HELD}"
    " ORDER BY checked_at LIMIT 1 FOR NO KEY UPDATE) RETURNING target, gateway_id, account_id"
)
_STILL_FAILING: Final = text(
    "UPDATE channel_outages SET error = :error, checked_at = :now WHERE target = :target AND opened_at IS NOT NULL"
)
# One more failure opens it again.
_CLOSE: Final = text(
    "UPDATE channel_outages SET failures = :failures, opened_at = NULL, checked_at = NULL, closed_at = :now"
    " WHERE target = :target AND opened_at IS NOT NULL"
)
_CLOSED: Final = text(
    "SELECT target, failures > 0 AS is_untested FROM channel_outages WHERE opened_at IS NULL AND closed_at > :since"
    " ORDER BY target"
)
_NOTIFY: Final = text(
    "UPDATE channel_outages SET notified_at = :now WHERE opened_at IS NOT NULL AND failing_since <= :before"
    " AND (notified_at IS NULL OR notified_at < failing_since AND notified_at < :again)"
    " RETURNING target, gateway_id, account_id, error, failing_since"
)
_FORGET: Final = text(
    "DELETE FROM channel_outages o WHERE coalesce(gateway_id, account_id) IS NOT NULL"
    " AND NOT EXISTS (SELECT FROM gateways g WHERE g.id = o.gateway_id)"
    " AND NOT EXISTS (SELECT FROM sending_accounts a WHERE a.id = o.account_id)"
)


def record_results(session: Session, results: Sequence[ChannelResult]) -> None:
    """Store the results of attempts: a failure counts and may open the breaker, any other answer closes it.

    When it closes, all waiting messages are woken.
    """
    for result in results:
        given = {**result, "now": clock.now(), "threshold": THRESHOLD}
        if result["is_failure"]:
            session.execute(_FAILED, given)
        elif session.execute(_WORKED, given).one_or_none():
            _wake_all(session, result["target"])


def claim_probe(session: Session, *, longest: timedelta) -> Probe | None:
    """Return the next target to probe; None if there is none. No other host gets it before its interval ends.

    `longest`: the interval of long outages.
    """
    given = {
        "longest": longest,
        "shortest": SHORTEST_INTERVAL,
        "age_per_interval": AGE_PER_INTERVAL,
        "login_refused": LOGIN_REFUSED,
    }
    found = session.execute(_CLAIM, {**given, "now": clock.now()}).one_or_none()
    return None if found is None else Probe(*found)


def record_probe(session: Session, target: str, error: str | None) -> None:
    """Store the result of a probe. Without an error messages are sent again: `release_waiting` wakes them."""
    given = {"target": target, "error": error, "failures": THRESHOLD - 1, "now": clock.now()}
    session.execute(_STILL_FAILING if error else _CLOSE, given)


def release_waiting(session: Session) -> int:
    """Wake messages that still wait for targets that answer again. Returns their number, as far as more may follow.

    A few messages go first, by turns of clinics. All others follow when one of them was accepted. Messages that were
    tried before go last: one that breaks each connection must not block the others.
    """
    released = 0
    for row in session.execute(_CLOSED, {"since": clock.now() - RELEASE_FOR}).all():
        if row.is_untested:
            _wake_first(session, row.target)
        else:
            released += _wake_all(session, row.target)
    return released


def _wake_first(session: Session, target: str) -> None:
    """Wake a few messages that show whether the target works again: if possible, of those that were not tried."""
    key = outage_of(target)
    if not wake_by_turns(session, key, most=FIRST_RELEASED):
        wake_by_turns(session, key, most=FIRST_RELEASED, was_tried=True)


def _wake_all(session: Session, target: str) -> int:
    """Wake the messages that wait for the target, a batch of each sort. Returns their number."""
    key = outage_of(target)
    number = wake_by_turns(session, key, most=RELEASED)
    return number + wake_by_turns(session, key, most=RELEASED, was_tried=True, before=number)


def claim_notices(session: Session, *, older_than: timedelta) -> list[NewOutage]:
    """Return the outages of which the admins are notified now, once. Short ones are not reported."""
    now = clock.now()
    given = {"now": now, "before": now - older_than, "again": now - NOTIFY_AGAIN_AFTER}
    return [NewOutage(*row) for row in session.execute(_NOTIFY, given)]


def forget_deleted_targets(session: Session) -> None:
    """Delete the outages of gateways and sending accounts that no longer exist."""
    session.execute(_FORGET)


def open_outages(session: Session) -> Sequence[ChannelOutage]:
    """Return the targets for which messages wait, the longest first."""
    found = select(ChannelOutage).where(ChannelOutage.opened_at.is_not(None))
    return session.scalars(found.order_by(ChannelOutage.failing_since)).all()
