"""Messages whose deliver step was cancelled are stopped with it, in the same transaction."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.automation.cancel import on_cancel
from app.automation.models import Kind, Reason
from app.notifications.models import Notification, NotificationState


def suppress(session: Session, notification_ids: Collection[UUID], reason: Reason) -> list[UUID]:
    """Stop those that are still pending; returns which they were."""
    stopped = session.scalars(
        update(Notification)
        .where(Notification.id.in_(notification_ids), Notification.state == NotificationState.PENDING)
        .values(state=NotificationState.SUPPRESSED, reason=reason)
        .returning(Notification.id)
        .execution_options(synchronize_session=False)
    )
    return list(stopped)


def _suppress_undelivered(session: Session, cancelled: Sequence[Any]) -> None:
    for reason in {step.reason for step in cancelled}:
        suppress(session, [UUID(step.params["notification_id"]) for step in cancelled if step.reason == reason], reason)


on_cancel[Kind.DELIVER] = _suppress_undelivered
