"""Retry failed notifications, one or many, and resolve those with an unknown outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.orm import Session

from app import clock
from app.core.db import is_among
from app.core.live_events.changes import note
from app.core.live_events.entries import About, LiveKind
from app.core.type_aliases import ColumnValues, JsonDict, JsonObject
from app.engine.models import BegunBy, Kind, Reason, Step
from app.engine.service import add_steps, skip_failed_steps
from app.engine.steps.by_hand import move_by_hand
from app.errors import Conflict, NotFound
from app.identity.actor import Actor
from app.leads.activities.messages import count_message
from app.leads.models import Lead
from app.messaging.compose import OriginStep, delivery_step
from app.messaging.delivery.notifications import (
    NotificationDetail,
    get_notification,
    planned_attempt,
    query_conditions,
)
from app.messaging.models import Delivery, Notification, NotificationState

MAX_RETRIED = 10_000  # per call


class CannotRetry(Conflict):
    """Only a failed or waiting notification can be sent again."""


class CannotResolve(Conflict):
    """Only a notification whose outcome is unknown can be resolved."""


class Resolution(StrEnum):
    """An admin's decision about a notification with an unknown outcome."""

    SENT = "sent"  # it arrived
    RETRY = "retry"  # it did not arrive: send it again


@dataclass(frozen=True, slots=True)
class RetryResult:
    """Number of notifications that are sent again, and of matching ones that are left unchanged."""

    retried: int
    left: int
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ResolveResult:
    """Number of notifications that are resolved, and of matching ones that are left unchanged."""

    resolved: int
    left: int
    dry_run: bool = False


def retry(session: Session, actor: Actor, notification_id: UUID) -> NotificationDetail:
    """Send a failed notification again, or a waiting one now, and return it. Its deliveries stay.

    Raises NotFound, CannotRetry.
    """
    waiting = _lock_pending_step(session, actor, notification_id)  # before the notification, as workers lock them
    chosen = _lock(session, actor, notification_id)
    if chosen["state"] == NotificationState.PENDING and waiting is not None and waiting.due_at > clock.now():
        move_by_hand(session, waiting, clock.now(), {"user_id": str(actor.user_id)} if actor.user_id else {})
        return get_notification(session, actor, notification_id)
    if chosen["state"] != NotificationState.FAILED:
        raise CannotRetry(_ADVICE[NotificationState(chosen["state"])])
    _dismiss_failed_steps(session, actor, [notification_id])
    _plan_again(session, [chosen], [clock.now()])
    return get_notification(session, actor, notification_id)


def retry_many(
    session: Session, actor: Actor, query: JsonObject, *, spread: timedelta, dry_run: bool = False
) -> RetryResult:
    """Send the clinic's matching failed notifications again, oldest first, evenly spread over `spread`.

    `query` may have `channel`, `rule` (str) and `since` (aware datetime). One call retries at most 10,000. Rows that
    another transaction holds are skipped and counted as left. `dry_run`: count only.
    """
    failed = query_conditions(actor.clinic.id, {**query, "state": NotificationState.FAILED})
    if dry_run:
        return RetryResult(*_preview(session, failed), dry_run=True)
    rows = _lock_oldest(session, failed)
    _dismiss_failed_steps(session, actor, [row["id"] for row in rows])
    _plan_again(session, rows, spread_evenly(clock.now(), spread, len(rows)))
    return RetryResult(len(rows), _count(session, failed))


def resolve(session: Session, actor: Actor, notification_id: UUID, *, as_: Resolution) -> NotificationDetail:
    """Apply an admin's decision to a notification with an unknown outcome. Raises NotFound, CannotResolve."""
    # Lock the lead and the step first, as a worker that records a late answer does; another order would deadlock.
    _lock_leads(session, [notification_id])
    _dismiss_failed_steps(session, actor, [notification_id])
    chosen = _lock(session, actor, notification_id)
    if chosen["state"] != NotificationState.UNKNOWN:
        raise CannotResolve(_ADVICE[NotificationState(chosen["state"])])
    if as_ is Resolution.RETRY:
        _plan_again(session, [chosen], [clock.now()])
    else:
        _mark_sent(session, actor, [chosen])
    return get_notification(session, actor, notification_id)


def resolve_many(
    session: Session, actor: Actor, query: JsonObject, *, as_: Resolution, spread: timedelta, dry_run: bool = False
) -> ResolveResult:
    """Apply an admin's decision to the clinic's matching notifications with an unknown outcome, oldest first.

    `query` may have `channel`, `rule` (str) and `since` (aware datetime). One call resolves at most 10,000. Those to
    be sent again are evenly spread over `spread`. `dry_run`: count only.
    """
    unknown = query_conditions(actor.clinic.id, {**query, "state": NotificationState.UNKNOWN})
    if dry_run:
        return ResolveResult(*_preview(session, unknown), dry_run=True)
    oldest = select(Notification.id).where(*unknown).order_by(Notification.created_at, Notification.id)
    ids = session.scalars(oldest.limit(MAX_RETRIED)).all()
    _lock_leads(session, ids)
    _dismiss_failed_steps(session, actor, ids)  # before the notifications are locked, as in `resolve`
    chosen = is_among(Notification.id, ids)
    rows = _lock_oldest(session, [*unknown, chosen], skip_locked=False)
    if as_ is Resolution.RETRY:
        _plan_again(session, rows, spread_evenly(clock.now(), spread, len(rows)))
    else:
        _mark_sent(session, actor, rows)
    return ResolveResult(len(rows), _count(session, unknown))


def spread_evenly(start: datetime, spread: timedelta, number: int) -> list[datetime]:
    """Return `number` instants from `start` on, at equal distances, all before `start + spread`."""
    return [start + spread * i / number for i in range(number)]


_ADVICE = {
    NotificationState.PENDING: "It is pending: its next attempt is planned for now.",
    NotificationState.SENDING: "It is being handed to the provider now. Try again in a minute.",
    NotificationState.SENT: "It was sent.",
    NotificationState.FAILED: "It failed, so there is nothing to resolve. Retry it with POST .../retry.",
    NotificationState.UNKNOWN: "It is unknown whether it arrived. Find out, then POST .../resolve as sent or retry.",
    NotificationState.SUPPRESSED: "It was cancelled before it was sent, for the reason in its `reason`.",
}


_COLUMNS = (
    Notification.id,
    Notification.clinic_id,
    Notification.lead_id,
    Notification.task_id,
    Notification.step_id,
    Notification.activity_id,
    Notification.handed_over_at,
    Notification.template,
    Notification.state,
    Notification.written_by,
)


def _lock(session: Session, actor: Actor, notification_id: UUID) -> JsonDict:
    """Lock and return the notification, so that a second admin sees the first one's change."""
    of_clinic = (Notification.id == notification_id, Notification.clinic_id == actor.clinic.id)
    chosen = session.execute(select(*_COLUMNS).where(*of_clinic).with_for_update()).mappings().one_or_none()
    if chosen is None:
        raise NotFound
    return dict(chosen)


def _lock_pending_step(session: Session, actor: Actor, notification_id: UUID) -> Step | None:
    """Lock and return the planned attempt of a notification; None if there is none, or if it runs now."""
    mine = select(Notification).where(Notification.id == notification_id, Notification.clinic_id == actor.clinic.id)
    notification = session.scalars(mine).one_or_none()
    if notification is None:
        return None
    planned: Step | None = session.scalars(planned_attempt(notification).with_for_update(skip_locked=True)).first()
    return planned


def _lock_oldest(
    session: Session, conditions: Sequence[ColumnElement[bool]], *, skip_locked: bool = True
) -> list[JsonDict]:
    """Lock and return the oldest matching notifications. Those in use are skipped or awaited."""
    oldest = select(*_COLUMNS).where(*conditions).order_by(Notification.created_at, Notification.id)
    locked = oldest.limit(MAX_RETRIED).with_for_update(skip_locked=skip_locked)
    return [dict(row) for row in session.execute(locked).mappings()]


def _preview(session: Session, conditions: Sequence[ColumnElement[bool]]) -> tuple[int, int]:
    """Return how many notifications a call would change, and how many it would leave."""
    found = _count(session, conditions)
    return min(found, MAX_RETRIED), max(found - MAX_RETRIED, 0)


def _count(session: Session, conditions: Sequence[ColumnElement[bool]]) -> int:
    found = select(Notification.id).where(*conditions).subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0


def _plan_again(session: Session, rows: Sequence[ColumnValues], due: Sequence[datetime]) -> None:
    """Set notifications to pending, each with a new deliver step. The count of attempts continues."""
    session.execute(_PENDING_AGAIN, {"ids": [row["id"] for row in rows]})
    for row in rows:
        if row["lead_id"]:
            note(session, row["clinic_id"], LiveKind.MESSAGE_CHANGED, [(row["id"], About(row["lead_id"]))])
    origins = _origins(session, {row["step_id"] for row in rows if row["step_id"]})
    add_steps(
        session,
        [
            delivery_step(row, due_at=due_at, origin=_origin(row, origins), begun_by=BegunBy.RETRY)
            for row, due_at in zip(rows, due, strict=True)
        ],
    )


def _dismiss_failed_steps(session: Session, actor: Actor, notification_ids: Sequence[UUID]) -> None:
    """Remove the notifications' failed steps from the list of dead letters."""
    skip_failed_steps(session, actor.clinic.id, Kind.DELIVERIES, param="notification_id", ids=notification_ids)


_PENDING_AGAIN = text("UPDATE notifications SET state = 'pending', reason = NULL, error = NULL WHERE id = ANY(:ids)")
_ORIGINS = text("SELECT id, stop_on, guard, lateness, params, cause FROM steps WHERE id = ANY(:ids)")


def _origins(session: Session, step_ids: set[UUID]) -> dict[UUID, OriginStep]:
    """Return the steps that wrote the messages, by id. Their stop conditions also apply to the new deliver steps."""
    rows = session.execute(_ORIGINS, {"ids": list(step_ids)})
    return {row.id: dict(row._mapping) for row in rows}  # noqa: SLF001  (SQLAlchemy's own name for it)


def _origin(row: ColumnValues, origins: Mapping[UUID, OriginStep]) -> OriginStep:
    """Return the origin of a message. One that a user wrote stays transactional."""
    if row["written_by"] is not None:
        return {"params": {"transactional": True}}
    return origins.get(row["step_id"], {})


def _lock_leads(session: Session, notification_ids: Sequence[UUID]) -> None:
    """Lock the leads of messages that users wrote: they count when they were handed over."""
    chosen = is_among(Notification.id, notification_ids)
    written = session.scalars(select(Notification.lead_id).where(chosen, Notification.activity_id.is_not(None)))
    leads = select(Lead.id).where(is_among(Lead.id, written.all())).order_by(Lead.id)
    session.execute(leads.with_for_update(key_share=True))


def _mark_sent(session: Session, actor: Actor, rows: Sequence[ColumnValues]) -> None:
    handed_over = select(func.max(Delivery.started_at)).where(Delivery.notification_id == Notification.id)
    session.execute(
        update(Notification)
        .where(is_among(Notification.id, [row["id"] for row in rows]))
        .values(
            state=NotificationState.SENT,
            reason=Reason.BY_HAND,
            sent_at=func.coalesce(handed_over.scalar_subquery(), clock.now()),
        )
        .execution_options(synchronize_session=False)
    )
    for row in rows:
        if row["activity_id"]:
            count_message(session, actor, row["activity_id"], handed_over_at=row["handed_over_at"] or clock.now())
