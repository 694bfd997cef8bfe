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
from app.messaging.outages.breaker import THRESHOLD
from app.messaging.outages.models import ChannelOutage

WAITS_FOR: Final = "waits_for"  # key in the outcome of a waiting step: the target
WAS_TRIED: Final = "was_tried"  # key in the outcome of a waiting step whose own attempt opened the breaker
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
)
_CLAIM: Final = text(
    "UPDATE channel_outages SET checked_at = :now WHERE target = (SELECT target FROM channel_outages"  # noqa: S608
    f" WHERE opened_at IS NOT NULL AND checked_at <= :before AND NOT {IS_HELD}"
    " ORDER BY checked_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING target, gateway_id, account_id"
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
# Steps that wait for the target, in the order of `column`.
_WAITING: Final = (
    "SELECT {column} FROM steps WHERE reason = 'channel_down' AND state IN ('planned', 'published')"
    " AND outcome ->> 'waits_for' = :target AND due_at > :now"
    " AND (attempts > 0 OR coalesce(outcome ? 'was_tried', false)) = :was_tried"
    " AND {test} ORDER BY {column} LIMIT {most}"
)
_FIRST_CLINIC: Final = _WAITING.format(column="clinic_id", test="true", most=1)
_NEXT_CLINIC: Final = _WAITING.format(column="clinic_id", test="clinic_id > last.clinic_id", most=1)
_OF_CLINIC: Final = _WAITING.format(column="id", test="clinic_id = shares.clinic_id", most="shares.share")
# Clinics share the number: the first message of each clinic comes before the second of any. A loose index scan finds
# the clinics. The due times are a microsecond apart, in this order.
_RELEASE: Final = text(
    f"WITH RECURSIVE clinics AS (({_FIRST_CLINIC}) UNION ALL SELECT ({_NEXT_CLINIC})"  # noqa: S608  (ours)
    " FROM clinics AS last WHERE last.clinic_id IS NOT NULL),"
    " shares AS (SELECT clinic_id, greatest(:most / count(*) OVER (), 1) AS share FROM clinics"
    " WHERE clinic_id IS NOT NULL),"
    " turns AS (SELECT w.id, w.turn FROM shares CROSS JOIN LATERAL"
    f" (SELECT id, row_number() OVER (ORDER BY id) AS turn FROM ({_OF_CLINIC}) AS first) AS w"
    " ORDER BY w.turn, w.id LIMIT :most),"
    " locked AS (SELECT s.id, turns.turn FROM steps s JOIN turns USING (id)"
    " WHERE s.reason = 'channel_down' AND s.state IN ('planned', 'published') FOR UPDATE OF s SKIP LOCKED),"
    " waiting AS (SELECT id, row_number() OVER (ORDER BY turn, id) AS number FROM locked)"
    " UPDATE steps AS s SET due_at = :now + (:before + w.number) * interval '1 microsecond', state = 'planned',"
    " published_at = NULL, reason = NULL, outcome = s.outcome - 'waits_for' - 'was_tried'"
    " FROM waiting w WHERE s.id = w.id RETURNING s.id"
)


def record_results(session: Session, results: Sequence[ChannelResult]) -> None:
    """Store the results of attempts: a failure counts and may open the breaker, any other answer closes it."""
    for result in results:
        given = {**result, "now": clock.now(), "threshold": THRESHOLD}
        session.execute(_FAILED if result["is_failure"] else _WORKED, given)


def claim_probe(session: Session, *, interval: timedelta) -> Probe | None:
    """Return the next target to probe; None if there is none. No other host gets it before the interval ends."""
    now = clock.now()
    found = session.execute(_CLAIM, {"now": now, "before": now - interval}).one_or_none()
    return None if found is None else Probe(*found)


def record_probe(session: Session, target: str, error: str | None) -> None:
    """Store the result of a probe. Without an error messages are sent again."""
    given = {"target": target, "error": error, "failures": THRESHOLD - 1, "now": clock.now()}
    session.execute(_STILL_FAILING if error else _CLOSE, given)


def release_waiting(session: Session) -> int:
    """Let messages go that wait for targets that answer again. Returns their number, as far as more may follow at once.

    A few messages go first, by turns of clinics. All others follow when one of them was accepted. Messages that were
    tried before go last: one that breaks each connection must not block the others.
    """
    now, released = clock.now(), 0
    for row in session.execute(_CLOSED, {"since": now - RELEASE_FOR}).all():
        most = FIRST_RELEASED if row.is_untested else RELEASED
        number = _release(session, row.target, now, most=most)
        if not row.is_untested:
            released += number + _release(session, row.target, now, most=most, was_tried=True, before=number)
        elif not number:
            _release(session, row.target, now, most=most, was_tried=True)
    return released


def _release(
    session: Session, target: str, now: datetime, *, most: int, was_tried: bool = False, before: int = 0
) -> int:
    """Make waiting messages due, after `before` others. Returns their number."""
    given = {"target": target, "now": now, "most": most}
    return len(session.execute(_RELEASE, {**given, "was_tried": was_tried, "before": before}).all())


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
