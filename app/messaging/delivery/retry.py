"""Second chances: for what failed, one at a time or many, and for what nobody knows about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app import clock
from app.engine.models import Kind, Reason
from app.engine.service import add_steps, set_aside
from app.errors import Conflict, NotFound
from app.identity.actor import Actor
from app.messaging.compose import Origin, delivery_step
from app.messaging.models import Delivery, Notification, NotificationState
from app.messaging.notifications import get_notification, matching

MOST_RETRIED = 10_000  # at once; ask again for the rest


class CannotRetry(Conflict):
    """Only a failed notification can be retried."""


class CannotResolve(Conflict):
    """Only a notification that nobody knows about can be resolved."""


class Resolution(StrEnum):
    SENT = "sent"  # it arrived, as somebody found out
    RETRY = "retry"  # it did not: send it (again)


@dataclass(frozen=True, slots=True)
class Retried:
    """How many were planned again, and how many that match are left as they were."""

    retried: int
    left: int


def retry(session: Session, actor: Actor, notification_id: UUID) -> Notification:
    """Send a failed notification again. Its deliveries stay. Raises NotFound, CannotRetry."""
    chosen = _lock(session, actor, notification_id)
    if chosen["state"] != NotificationState.FAILED:
        raise CannotRetry(_ADVICE[NotificationState(chosen["state"])])
    _set_steps_aside(session, actor, [notification_id])
    _plan_again(session, [chosen], [clock.now()])
    return get_notification(session, actor, notification_id)


def retry_many(session: Session, actor: Actor, query: Mapping[str, Any], *, spread: timedelta) -> Retried:
    """Send the clinic's failed notifications that match again, oldest first, evenly over `spread`.

    `query` may hold `channel` and `since`. At most 10,000 at once; those that somebody else is changing just now
    are left out, and counted as left.
    """
    failed = matching(actor.clinic.id, {**query, "state": NotificationState.FAILED})
    chosen = (
        select(*_NEEDED)
        .where(*failed)
        .order_by(Notification.created_at, Notification.id)
        .limit(MOST_RETRIED)
        .with_for_update(skip_locked=True)
    )
    rows = [dict(row) for row in session.execute(chosen).mappings()]
    _set_steps_aside(session, actor, [row["id"] for row in rows])
    _plan_again(session, rows, evenly(clock.now(), spread, len(rows)))
    left = session.scalar(select(func.count()).select_from(select(Notification.id).where(*failed).subquery()))
    return Retried(len(rows), left or 0)


def resolve(session: Session, actor: Actor, notification_id: UUID, *, as_: Resolution) -> Notification:
    """A person decides what became of a notification in doubt. Raises NotFound, CannotResolve."""
    # The step first, as whoever still records a late answer does, or the two would wait for each other.
    _set_steps_aside(session, actor, [notification_id])
    chosen = _lock(session, actor, notification_id)
    if chosen["state"] != NotificationState.UNKNOWN:
        raise CannotResolve(_ADVICE[NotificationState(chosen["state"])])
    if as_ is Resolution.RETRY:
        _plan_again(session, [chosen], [clock.now()])
    else:
        _believe_sent(session, notification_id)
    return get_notification(session, actor, notification_id)


def evenly(start: datetime, spread: timedelta, number: int) -> list[datetime]:
    """So many instants from `start` on, at equal distances, all before `start + spread`."""
    return [start + spread * i / number for i in range(number)]


_ADVICE = {
    NotificationState.PENDING: "It is on its way: its next try is planned. GET it to see the tries so far.",
    NotificationState.SENDING: "It is being handed to the provider just now. Look again in a minute.",
    NotificationState.SENT: "It was sent.",
    NotificationState.FAILED: "It failed, that much is known. Retry it with POST .../retry.",
    NotificationState.UNKNOWN: "Nobody knows whether it arrived. Find out, then POST .../resolve as sent or as retry.",
    NotificationState.SUPPRESSED: "It was stopped before it was sent, for the reason it shows.",
}


_NEEDED = (
    Notification.id,
    Notification.clinic_id,
    Notification.lead_id,
    Notification.task_id,
    Notification.step_id,
    Notification.state,
)


def _lock(session: Session, actor: Actor, notification_id: UUID) -> dict[str, Any]:
    """Two admins who press at once: the second one sees what the first one did."""
    of_clinic = (Notification.id == notification_id, Notification.clinic_id == actor.clinic.id)
    chosen = session.execute(select(*_NEEDED).where(*of_clinic).with_for_update()).mappings().one_or_none()
    if chosen is None:
        raise NotFound
    return dict(chosen)


def _plan_again(session: Session, rows: Sequence[Mapping[str, Any]], due: Sequence[datetime]) -> None:
    """Pending once more, each with a new deliver step; tries are counted on."""
    session.execute(_PENDING_AGAIN, {"ids": [row["id"] for row in rows]})
    origins = _origins(session, {row["step_id"] for row in rows if row["step_id"]})
    add_steps(
        session,
        [
            delivery_step(row, due_at=due_at, origin=origins.get(row["step_id"], {}))
            for row, due_at in zip(rows, due, strict=True)
        ],
    )


def _set_steps_aside(session: Session, actor: Actor, notification_ids: Sequence[UUID]) -> None:
    """The steps that failed them are no longer anybody's trouble."""
    set_aside(session, actor.clinic.id, Kind.DELIVER, param="notification_id", ids=notification_ids)


_PENDING_AGAIN = text("UPDATE notifications SET state = 'pending', reason = NULL, error = NULL WHERE id = ANY(:ids)")
_ORIGINS = text("SELECT id, stop_on, guard, params -> 'transactional' AS transactional FROM steps WHERE id = ANY(:ids)")


def _origins(session: Session, step_ids: set[UUID]) -> dict[UUID, Origin]:
    """What would have stopped the writing of a message stops the sending of it too."""
    rows = session.execute(_ORIGINS, {"ids": list(step_ids)})
    return {row.id: dict(row._mapping) for row in rows}  # noqa: SLF001  (SQLAlchemy's own name for it)


def _believe_sent(session: Session, notification_id: UUID) -> None:
    handed_over = select(func.max(Delivery.started_at)).where(Delivery.notification_id == notification_id)
    session.execute(
        update(Notification)
        .where(Notification.id == notification_id)
        .values(
            state=NotificationState.SENT,
            reason=Reason.BY_HAND,
            sent_at=func.coalesce(handed_over.scalar_subquery(), clock.now()),
        )
        .execution_options(synchronize_session=False)
    )
