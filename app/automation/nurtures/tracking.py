"""Tracking of leads in a nurture's sequence, with their messages (leads-follow-up-feature.md, "Tracking Model")."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.automation.nurtures.models import Nurture
from app.automation.nurtures.service import find_nurture
from app.automation.sequences.models import LIVE, Enrollment, EnrollmentStep
from app.core.db import AnyRow, AnySelect
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.models import PENDING, Step
from app.engine.sequences.models import SequenceRow
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.messaging.models import Notification, NotificationState


class FollowUpState(StrEnum):
    """State of a message, and of the lead's latest message."""

    PENDING = "pending"  # planned, or created and not sent yet
    SENT = "sent"
    DELIVERED = "delivered"  # reported by its gateway
    FAILED = "failed"  # not sent, or result unknown
    CONVERTED = "converted"  # the lead converted after it


NEWEST_FIRST: Final[list[Key]] = [(Enrollment.id, "desc")]
_FAILED: Final = (NotificationState.FAILED, NotificationState.SUPPRESSED, NotificationState.UNKNOWN)
_OF_ITS_STEP: Final = Notification.id == EnrollmentStep.notification_id


def leads_of(session: Session, actor: Actor, nurture_id: UUID, query: JsonObject) -> Page:
    """List the leads that are or were in the nurture's sequence, latest first. Raises NotFound."""
    wanted = _query(actor, find_nurture(session, actor, nurture_id), query.get("state"))
    found = page(session, wanted, NEWEST_FIRST, query)
    audit_log.note_read(session, "lead", [row.lead_id for row in found.items])
    messages = _messages(session, [row.id for row in found.items])
    due = _due_times(session, [row.step_id for row in found.items if row.step_id])
    shown = [{**_to_response(row, messages[row.id]), "next_follow_up_at": due.get(row.step_id)} for row in found.items]
    return Page(shown, found.next_cursor, found.total_count)


def _query(actor: Actor, nurture: Nurture, state: FollowUpState | None) -> AnySelect:
    summary = _message_summary()
    is_wanted = true() if state is None else _state(summary) == state
    there = (
        SequenceRow.clinic_id == nurture.clinic_id,
        SequenceRow.slug == nurture.sequence,
        SequenceRow.deleted_at.is_(None),
    )
    was_converted = Lead.converted_at > summary.c.first_at
    return (
        select(
            Enrollment.id,
            Enrollment.lead_id,
            Enrollment.state.label("enrollment_state"),
            Enrollment.reason,
            Enrollment.enrolled_at,
            Enrollment.ended_at,
            _state(summary).label("state"),
            summary.c.follow_up_count,
            summary.c.last_at.label("last_follow_up_at"),
            Enrollment.step_id,
            case((was_converted, Lead.converted_at)).label("converted_at"),
        )
        .join(Lead, Lead.id == Enrollment.lead_id)
        .join(summary, true())
        .where(
            Enrollment.sequence_id == select(SequenceRow.id).where(*there).scalar_subquery(),
            *visible_to(actor),
            is_wanted,
        )
    )


def _message_summary() -> Any:
    """Return the lateral subquery that summarizes an enrollment's messages."""
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
        .lateral("summary")
    )


def _state(summary: Any) -> ColumnElement[str]:
    """Return the state of the latest message; without one: pending if live, else null."""
    before_any = case((Enrollment.state.in_(LIVE), FollowUpState.PENDING.value))
    return case(
        (Lead.converted_at > summary.c.first_at, FollowUpState.CONVERTED.value),
        else_=func.coalesce(summary.c.latest, before_any),
    )


def _state_of_message() -> ColumnElement[str]:
    """Return the state of a message, regardless of conversion."""
    return case(
        (Notification.state.in_(_FAILED), FollowUpState.FAILED.value),
        (Notification.delivered_at.is_not(None), FollowUpState.DELIVERED.value),
        (Notification.state == NotificationState.SENT, FollowUpState.SENT.value),
        else_=FollowUpState.PENDING.value,
    )


def _messages(session: Session, enrollment_ids: Iterable[UUID]) -> Mapping[UUID, list[AnyRow]]:
    """Return the messages of these enrollments by enrollment id, oldest first."""
    wanted: AnySelect = (
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
    messages: dict[UUID, list[AnyRow]] = defaultdict(list)
    for row in session.execute(wanted.order_by(EnrollmentStep.id)):
        messages[row.enrollment_id].append(row)
    return messages


def _due_times(session: Session, step_ids: Iterable[UUID]) -> Mapping[UUID, datetime]:
    """Return the due times of the pending steps among these, by id."""
    wanted = select(Step.id, Step.due_at).where(Step.id.in_(list(step_ids)), Step.state.in_(PENDING))
    return {row.id: row.due_at for row in session.execute(wanted)}


def _to_response(row: Any, messages: Iterable[AnyRow]) -> JsonDict:
    return {**row._mapping, "messages": [_message_to_response(message, row.converted_at) for message in messages]}  # noqa: SLF001  (public)


def _message_to_response(message: Any, converted_at: object) -> JsonDict:
    """Return a message; one sent before the conversion gets the state `converted`."""
    precedes_conversion = converted_at is not None and message.sent_at is not None and message.sent_at < converted_at
    response = {**message._mapping, "converted_at": converted_at if precedes_conversion else None}  # noqa: SLF001  (public)
    return {**response, "state": FollowUpState.CONVERTED} if precedes_conversion else response
