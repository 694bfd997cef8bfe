"""Read notifications: a user's in-app inbox, and all notifications of a clinic."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from app import clock
from app.audit import audit_log
from app.core.live_events.changes import note
from app.core.live_events.entries import About, LiveKind
from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.engine.models import PENDING, Kind, Step
from app.errors import NotFound
from app.identity.actor import Actor
from app.messaging.channels import in_app
from app.messaging.models import Notification, NotificationState

MOST_COUNTED: Final = 10_000  # unread messages of a user


@dataclass(frozen=True, slots=True)
class NotificationDetail:
    """A notification and its planned attempt. It has all attributes of the former."""

    notification: Notification
    next_attempt_at: datetime | None = None  # while it is pending
    wait_reason: str | None = None  # why it waits; None: it does not

    def __getattr__(self, name: str) -> Any:
        return getattr(self.notification, name)


def list_my_notifications(session: Session, actor: Actor, query: JsonObject) -> Page:
    """Return the caller's in-app messages, newest first. An API key has none.

    `query` may have `unread` (bool): only messages that were not read yet.
    """
    mine = select(Notification).where(*_in_app_of(actor))
    if query.get("unread"):
        mine = select(Notification).where(*_unread_of(actor))
    return page(session, mine, [(Notification.id, "desc")], query)


def mark_read(session: Session, actor: Actor, notification_id: UUID) -> Notification:
    """Set `read_at` of one of the caller's in-app messages, unless it is set.

    Raises NotFound, also for another user's message.
    """
    mine = select(Notification).where(Notification.id == notification_id, *_in_app_of(actor))
    notification = session.scalars(mine.with_for_update()).one_or_none()
    if notification is None:
        raise NotFound
    notification.read_at = notification.read_at or clock.now()
    return notification


def count_unread(session: Session, actor: Actor) -> int:
    """Return the number of the caller's unread in-app messages, at most `MOST_COUNTED`."""
    unread = select(Notification.id).where(*_unread_of(actor)).limit(MOST_COUNTED)
    return session.scalar(select(func.count()).select_from(unread.subquery())) or 0


def mark_all_read(session: Session, actor: Actor, *, up_to: UUID | None = None) -> int:
    """Set `read_at` of the caller's unread in-app messages, at most `MOST_COUNTED` of them, and return their number.

    `up_to`: only this message and older ones, so that one that arrived meanwhile stays unread.
    """
    unread = select(Notification.id).where(*_unread_of(actor))
    if up_to is not None:
        unread = unread.where(Notification.id <= up_to)
    chosen = unread.order_by(Notification.id).limit(MOST_COUNTED).with_for_update(skip_locked=True)
    marked = update(Notification).where(Notification.id.in_(chosen)).values(read_at=clock.now())
    ids = session.scalars(marked.returning(Notification.id)).all()
    note(session, actor.clinic.id, LiveKind.MESSAGE_CHANGED, ((read, About(user_id=actor.user_id)) for read in ids))
    return len(ids)


def list_notifications(session: Session, actor: Actor, query: JsonObject) -> Page:
    """Return the clinic's notifications, newest first; `query` as loaded by NotificationQuery."""
    found = select(Notification).where(*query_conditions(actor.clinic.id, query))
    return page(session, found, [(Notification.created_at, "desc"), (Notification.id, "desc")], query)


def get_notification(session: Session, actor: Actor, notification_id: UUID) -> NotificationDetail:
    """Return one of the clinic's notifications with its deliveries, its opens and clicks, and its planned attempt.

    Raises NotFound.
    """
    found = select(Notification).where(Notification.id == notification_id, Notification.clinic_id == actor.clinic.id)
    loaded = found.options(selectinload(Notification.deliveries), joinedload(Notification.tracked))
    notification = session.scalars(loaded).one_or_none()
    if notification is None:
        raise NotFound
    audit_log.note_read(session, "notification", [notification.id])
    if notification.lead_id:
        audit_log.note_read(session, "lead", [notification.lead_id])
    if notification.state != NotificationState.PENDING:
        return NotificationDetail(notification)
    attempt = planned_attempt(notification).execution_options(populate_existing=True)
    planned: Step | None = session.scalars(attempt).first()
    return (
        NotificationDetail(notification, planned.due_at, planned.reason)
        if planned
        else NotificationDetail(notification)
    )


def planned_attempt(notification: Notification) -> Select[Step]:
    """Select the planned step that hands the notification over."""
    of_lead = Step.lead_id == notification.lead_id if notification.lead_id else Step.lead_id.is_(None)
    return select(Step).where(
        Step.clinic_id == notification.clinic_id,
        of_lead,
        Step.kind.in_(Kind.DELIVERIES),
        or_(*(Step.state == _literal(state.value) for state in PENDING)),
        Step.params["notification_id"].astext == str(notification.id),
    )


def query_conditions(clinic_id: UUID, query: JsonObject) -> list[ColumnElement[bool]]:
    """Return SQL conditions on the clinic and the given ones of `state`, `channel`, `since` and `rule`.

    `since`: created then or later. `rule`: the slug of the rule or sequence that wrote the message.
    """
    conditions = [Notification.clinic_id == clinic_id]
    if state := query.get("state"):
        conditions.append(Notification.state == _literal(state))
    if channel := query.get("channel"):
        conditions.append(Notification.channel == channel)
    if since := query.get("since"):
        conditions.append(Notification.created_at >= since)
    if rule := query.get("rule"):
        conditions.append(or_(Notification.series == rule, _is_written_by(rule)))
    return conditions


def _is_written_by(rule: str) -> ColumnElement[bool]:
    """Whether a step of this rule or sequence wrote the message. Only messages to leads have the slug themselves."""
    origin = select(Step.id).where(Step.id == Notification.step_id)
    return origin.where(or_(Step.cause["rule"].astext == rule, Step.cause["sequence"].astext == rule)).exists()


def _in_app_of(actor: Actor) -> list[ColumnElement[bool]]:
    # No condition on the clinic: a user belongs to exactly one.
    return [
        Notification.user_id == actor.user_id,
        Notification.channel == _literal(in_app.CHANNEL.name),
        Notification.state != NotificationState.SUPPRESSED,  # the user turned these notices off
    ]


def _unread_of(actor: Actor) -> list[ColumnElement[bool]]:
    return [*_in_app_of(actor), Notification.read_at.is_(None)]


def _literal(value: str) -> object:
    # A literal: a prepared plan uses a partial index only for a value that is in the statement.
    return bindparam(None, value, literal_execute=True)
