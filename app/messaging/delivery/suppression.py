"""Messages whose deliver step was cancelled are stopped with it, in the same transaction."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.engine.models import Kind, Reason
from app.engine.steps.cancel import cancel_messages
from app.messaging.models import Notification, NotificationState


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


def stop_messages(session: Session, lead_id: UUID, channel: str, reason: Reason) -> None:
    """Stop what is pending by this channel for a lead (its row is locked by the caller), written or not."""
    waiting = select(Notification.id).where(
        Notification.lead_id == lead_id,
        Notification.user_id.is_(None),
        Notification.channel == channel,
        Notification.state == NotificationState.PENDING,
    )
    cancel_messages(session, lead_id, channel, written=session.scalars(waiting).all(), reason=reason)


def suppress_undelivered(session: Session, cancelled: Sequence[Any]) -> None:
    """Suppress the messages whose deliver steps were cancelled; `cancelled` has rows of kind, params and reason."""
    deliveries = [step for step in cancelled if step.kind == Kind.DELIVER]
    for reason in {step.reason for step in deliveries}:
        suppress(
            session, [UUID(step.params["notification_id"]) for step in deliveries if step.reason == reason], reason
        )
