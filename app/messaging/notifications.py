"""What people see of their own messages, and admins of the clinic's."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.orm import Session, selectinload

from app import clock
from app.audit import audit_log
from app.core.pagination import Page, page
from app.errors import NotFound
from app.identity.actor import Actor
from app.messaging.channels import in_app
from app.messaging.models import Notification


def my_notifications(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The caller's in-app messages, newest first; with `unread` only those. A program has none."""
    mine = select(Notification).where(*_in_app_of(actor))
    if query.get("unread"):
        mine = mine.where(Notification.read_at.is_(None))
    return page(session, mine, [(Notification.id, "desc")], query)


def mark_read(session: Session, actor: Actor, notification_id: UUID) -> Notification:
    """Note that the caller has read it; the first time counts. Raises NotFound, also for somebody else's."""
    mine = select(Notification).where(Notification.id == notification_id, *_in_app_of(actor))
    notification = session.scalars(mine.with_for_update()).one_or_none()
    if notification is None:
        raise NotFound
    notification.read_at = notification.read_at or clock.now()
    return notification


def list_notifications(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The clinic's notifications, newest first; `query` is what NotificationQuery read."""
    found = select(Notification).where(*matching(actor.clinic.id, query))
    return page(session, found, [(Notification.created_at, "desc"), (Notification.id, "desc")], query)


def get_notification(session: Session, actor: Actor, notification_id: UUID) -> Notification:
    """One of the clinic's notifications with its deliveries. Raises NotFound."""
    found = select(Notification).where(Notification.id == notification_id, Notification.clinic_id == actor.clinic.id)
    notification = session.scalars(found.options(selectinload(Notification.deliveries))).one_or_none()
    if notification is None:
        raise NotFound
    audit_log.saw(session, "notification", [notification.id])
    if notification.lead_id:
        audit_log.saw(session, "lead", [notification.lead_id])
    return notification


def matching(clinic_id: UUID, query: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Conditions for `state`, `channel` and `since` (created then or later), as far as they are given."""
    conditions = [Notification.clinic_id == clinic_id]
    if state := query.get("state"):
        conditions.append(Notification.state == _literal(state))
    if channel := query.get("channel"):
        conditions.append(Notification.channel == channel)
    if since := query.get("since"):
        conditions.append(Notification.created_at >= since)
    return conditions


def _in_app_of(actor: Actor) -> list[ColumnElement[bool]]:
    # Of the clinic too, by the user: a person belongs to one.
    return [Notification.user_id == actor.user_id, Notification.channel == _literal(in_app.CHANNEL.name)]


def _literal(value: str) -> Any:
    # Written into the statement: a prepared plan can use a partial index only for a value that it can see.
    return bindparam(None, value, literal_execute=True)
