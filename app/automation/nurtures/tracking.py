"""Where the leads of a nurture's sequence stand: message by message (leads-follow-up-feature.md, "Tracking Model")."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, case, func, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.automation.nurtures.models import Nurture
from app.automation.nurtures.service import find_nurture
from app.automation.sequences.models import LIVE, Enrollment, EnrollmentStep
from app.core.pagination import Key, Page, page
from app.engine.models import PENDING, Step
from app.engine.sequences.models import SequenceRow
from app.identity.actor import Actor
from app.leads.lookup import visible_to
from app.leads.models import Lead
from app.messaging.models import Notification, NotificationState


class FollowUpState(StrEnum):
    PENDING = "pending"  # planned, or written and not sent yet
    SENT = "sent"
    DELIVERED = "delivered"  # its gateway says so
    FAILED = "failed"  # it did not reach the lead, or nobody knows
    CONVERTED = "converted"  # the lead was converted after it


NEWEST_FIRST: Final[list[Key]] = [(Enrollment.id, "desc")]
_FAILED: Final = (NotificationState.FAILED, NotificationState.SUPPRESSED, NotificationState.UNKNOWN)
_OF_ITS_STEP: Final = Notification.id == EnrollmentStep.notification_id


def leads_of(session: Session, actor: Actor, nurture_id: UUID, query: Mapping[str, Any]) -> Page:
    """Those that are or were in its sequence, however they came there, the latest first. Raises NotFound."""
    wanted = _wanted(actor, find_nurture(session, actor, nurture_id), query.get("state"))
    found = page(session, wanted, NEWEST_FIRST, query)
    audit_log.note_read(session, "lead", [row.lead_id for row in found.items])
    messages = _messages(session, [row.id for row in found.items])
    due = _due(session, [row.step_id for row in found.items if row.step_id])
    shown = [{**_shown(row, messages[row.id]), "next_follow_up_at": due.get(row.step_id)} for row in found.items]
    return Page(shown, found.next_cursor, found.total_count)


def _wanted(actor: Actor, nurture: Nurture, state: FollowUpState | None) -> Select[Any]:
    followed = _followed()
    is_wanted = true() if state is None else _state(followed) == state
    there = (
        SequenceRow.clinic_id == nurture.clinic_id,
        SequenceRow.slug == nurture.sequence,
        SequenceRow.deleted_at.is_(None),
    )
    was_converted = Lead.converted_at > followed.c.first_at
    return (
        select(
            Enrollment.id,
            Enrollment.lead_id,
            Enrollment.state.label("enrollment_state"),
            Enrollment.reason,
            Enrollment.enrolled_at,
            Enrollment.ended_at,
            _state(followed).label("state"),
            followed.c.follow_up_count,
            followed.c.last_at.label("last_follow_up_at"),
            Enrollment.step_id,
            case((was_converted, Lead.converted_at)).label("converted_at"),
        )
        .join(Lead, Lead.id == Enrollment.lead_id)
        .join(followed, true())
        .where(
            Enrollment.sequence_id == select(SequenceRow.id).where(*there).scalar_subquery(),
            *visible_to(actor),
            is_wanted,
        )
    )


def _followed() -> Any:
    """What an enrollment's messages come to; its own are found by an index."""
    latest = func.array_agg(aggregate_order_by(_state_of_message(), EnrollmentStep.id.desc()))
    return (
        select(
            func.count(Notification.sent_at).label("follow_up_count"),
            func.min(Notification.sent_at).label("first_at"),
            func.max(Notification.sent_at).label("last_at"),
            latest[1].label("latest"),
        )
        .join_from(EnrollmentStep, Notification, _OF_ITS_STEP)
        .where(EnrollmentStep.enrollment_id == Enrollment.id)
        .correlate(Enrollment)
        .lateral("followed")
    )


def _state(followed: Any) -> ColumnElement[str]:
    """That of its latest message; one that has none yet is pending, and who left before has no state."""
    before_any = case((Enrollment.state.in_(LIVE), FollowUpState.PENDING.value))
    return case(
        (Lead.converted_at > followed.c.first_at, FollowUpState.CONVERTED.value),
        else_=func.coalesce(followed.c.latest, before_any),
    )


def _state_of_message() -> ColumnElement[str]:
    """Whatever became of the lead."""
    return case(
        (Notification.state.in_(_FAILED), FollowUpState.FAILED.value),
        (Notification.delivered_at.is_not(None), FollowUpState.DELIVERED.value),
        (Notification.state == NotificationState.SENT, FollowUpState.SENT.value),
        else_=FollowUpState.PENDING.value,
    )


def _messages(session: Session, enrollment_ids: Iterable[UUID]) -> Mapping[UUID, list[Row[Any]]]:
    """The messages of these enrollments, in their order."""
    wanted: Select[*tuple[Any, ...]] = (
        select(
            EnrollmentStep.enrollment_id,
            EnrollmentStep.step,
            EnrollmentStep.variant,
            EnrollmentStep.at.label("written_at"),
            Notification.id.label("notification_id"),
            Notification.template,
            Notification.channel,
            Notification.message_type,
            Notification.sent_at,
            Notification.delivered_at,
            _state_of_message().label("state"),
        )
        .join_from(EnrollmentStep, Notification, _OF_ITS_STEP)
        .where(EnrollmentStep.enrollment_id.in_(list(enrollment_ids)))
    )
    messages: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in session.execute(wanted.order_by(EnrollmentStep.id)):
        messages[row.enrollment_id].append(row)
    return messages


def _due(session: Session, step_ids: Iterable[UUID]) -> Mapping[UUID, datetime]:
    """When those of these steps are due that are still to come."""
    wanted = select(Step.id, Step.due_at).where(Step.id.in_(list(step_ids)), Step.state.in_(PENDING))
    return {row.id: row.due_at for row in session.execute(wanted)}


def _shown(row: Any, messages: Iterable[Row[Any]]) -> dict[str, Any]:
    return {**row._mapping, "messages": [_shown_message(message, row.converted_at) for message in messages]}  # noqa: SLF001  (public)


def _shown_message(message: Any, converted_at: Any) -> dict[str, Any]:
    """A message that was there before the conversion has its part in it."""
    led_to_it = converted_at is not None and message.sent_at is not None and message.sent_at < converted_at
    told = {**message._mapping, "converted_at": converted_at if led_to_it else None}  # noqa: SLF001  (public)
    return {**told, "state": FollowUpState.CONVERTED} if led_to_it else told
