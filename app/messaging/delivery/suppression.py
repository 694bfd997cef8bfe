"""Suppress pending notifications when their deliver step is cancelled, in the same transaction."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.engine.models import Kind, Reason
from app.engine.steps.cancel import cancel_messages
from app.engine.steps.waiting import settled, wake
from app.leads.activities.messages import discount_waiting
from app.messaging.models import Notification, NotificationState


def suppress_pending(session: Session, notification_ids: Collection[UUID], reason: Reason) -> list[UUID]:
    """Suppress those notifications that are still pending, wake what waits for them, and return their ids."""
    stopped = session.execute(
        update(Notification)
        .where(Notification.id.in_(notification_ids), Notification.state == NotificationState.PENDING)
        .values(state=NotificationState.SUPPRESSED, reason=reason)
        .returning(Notification.id, Notification.activity_id)
        .execution_options(synchronize_session=False)
    ).all()
    discount_waiting(session, [one.activity_id for one in stopped if one.activity_id])
    wake(session, [settled(one.id) for one in stopped])
    return [one.id for one in stopped]


def suppress_channel(session: Session, lead_id: UUID, channel: str, reason: Reason) -> None:
    """Cancel the lead's pending steps and notifications on this channel. The caller holds the lead's row lock."""
    waiting = select(Notification.id).where(
        Notification.lead_id == lead_id,
        Notification.user_id.is_(None),
        Notification.channel == channel,
        Notification.state == NotificationState.PENDING,
    )
    cancel_messages(session, lead_id, channel, written=session.scalars(waiting).all(), reason=reason)


def suppress_undelivered(session: Session, cancelled: Sequence[Any]) -> None:
    """Suppress the notifications of cancelled deliver steps; `cancelled` has rows with kind, params and reason."""
    deliveries = [step for step in cancelled if step.kind == Kind.DELIVER]
    for reason in {step.reason for step in deliveries}:
        suppress_pending(
            session, [UUID(step.params["notification_id"]) for step in deliveries if step.reason == reason], reason
        )
