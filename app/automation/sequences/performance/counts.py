"""What is counted of a sequence: its enrollments, the steps that they came by, and what became of their messages.

Of the leads that began it within a time; each table is found by the sequence, each message and reply looked up by
its own index.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, select, true
from sqlalchemy.orm import Session

from app.automation.sequences.models import Enrollment, EnrollmentStep
from app.clock import now
from app.core.date_range import DateRange
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.leads.lookup import visible_to
from app.leads.models import Lead
from app.leads.timeline.responses import REPLY_WINDOW, converted_lateral, replied_lateral
from app.messaging.channels.registry import CHANNELS
from app.messaging.models import Notification, NotificationState

MESSAGES: Final = ("sent", "told_of", "delivered", "opened", "clicked", "failed", "replied", "converted")


class Asked(NamedTuple):
    """Of which sequence, of leads that began it when, and of which version; None: of all."""

    sequence_id: UUID
    period: DateRange
    version: int | None


def count_enrollments(session: Session, actor: Actor, asked: Asked) -> Sequence[Row[Any]]:
    """By state, reason and the step that each is at, or was at its end: how many, how many replied, were converted."""
    over = func.coalesce(Enrollment.ended_at, now())
    began, beside = Enrollment.enrolled_at, (Enrollment,)
    replied = replied_lateral(Enrollment.lead_id, after=began, until=over + REPLY_WINDOW, beside=beside)
    won = converted_lateral(Enrollment.lead_id, after=began, beside=beside)
    keys: tuple[Any, ...] = (Enrollment.state, Enrollment.reason, Enrollment.step)
    counts = {"enrolled": func.count(), "replied": func.count(replied.c.one), "converted": func.count(won.c.one)}
    found = (
        select(*keys, *(count.label(name) for name, count in counts.items()))
        .select_from(Enrollment)
        .join(replied, true(), isouter=True)
        .join(won, true(), isouter=True)
        .where(*_began(actor, asked))
        .group_by(*keys)
    )
    return session.execute(_of_version(found, Enrollment.sequence_version, asked)).all()


def count_steps(session: Session, actor: Actor, asked: Asked) -> Sequence[Row[Any]]:
    """By step, kind, variant, outcome and reason: how many came by it, and what became of what they were sent."""
    return session.execute(_of_version(_steps(actor, asked), EnrollmentStep.sequence_version, asked)).all()


def _steps(actor: Actor, asked: Asked) -> Select[Any]:
    keys = tuple(getattr(EnrollmentStep, name) for name in ("step", "kind", "variant", "outcome", "reason"))
    message = _message()
    sent_at, beside = message.c.sent_at, (Enrollment, message)
    replied = replied_lateral(Enrollment.lead_id, after=sent_at, until=sent_at + REPLY_WINDOW, beside=beside)
    won = converted_lateral(Enrollment.lead_id, after=sent_at, beside=beside)
    counts = {**_counts(message), "replied": func.count(replied.c.one), "converted": func.count(won.c.one)}
    return (
        select(*keys, func.count().label("came"), *(counts[name].label(name) for name in MESSAGES))
        .select_from(Enrollment)
        .join(EnrollmentStep, EnrollmentStep.enrollment_id == Enrollment.id)
        .join(message, true(), isouter=True)
        .join(replied, true(), isouter=True)
        .join(won, true(), isouter=True)
        .where(*_began(actor, asked), EnrollmentStep.sequence_id == asked.sequence_id)
        .group_by(*keys)
    )


def _counts(message: Any) -> Mapping[str, ColumnElement[int]]:
    """What came back later was sent, and failed. Only gateways tell what is delivered, opened and clicked."""
    is_told_of = and_(message.c.sent_at.is_not(None), message.c.channel.in_(CHANNELS.names_with_gateway()))
    return {
        "sent": func.count(message.c.sent_at),
        "told_of": func.count(case((is_told_of, 1))),
        "delivered": func.count(message.c.delivered_at),
        "opened": func.count(message.c.opened_at),
        "clicked": func.count(message.c.clicked_at),
        "failed": func.count(case((message.c.state == NotificationState.FAILED, 1))),
    }


def _of_version(found: Select[Any], version: Any, asked: Asked) -> Select[Any]:
    return found if asked.version is None else found.where(version == asked.version)


def _began(actor: Actor, asked: Asked) -> list[ColumnElement[bool]]:
    """Within the period; of leads that the actor may see."""
    tests = [
        Enrollment.sequence_id == asked.sequence_id,
        Enrollment.clinic_id == actor.clinic.id,
        Enrollment.enrolled_at >= asked.period.since,
        Enrollment.enrolled_at < asked.period.until,
    ]
    reader = actor.within(Permission.LEAD_READ)
    if reader.scope is Scope.ALL:
        return tests
    return [*tests, Enrollment.lead_id.in_(select(Lead.id).where(*visible_to(reader)))]


def _message() -> Any:
    """LIMIT, here and below: looked up one by one, rather than put beside every row of a large table."""
    columns = ("channel", "state", "sent_at", "delivered_at", "opened_at", "clicked_at")
    mine = select(*(getattr(Notification, name) for name in columns)).where(
        Notification.id == EnrollmentStep.notification_id
    )
    return mine.limit(1).correlate(EnrollmentStep).lateral("message")
