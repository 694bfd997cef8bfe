"""Counts for the sequence performance report: enrollments, finished steps and messages of leads enrolled in a period.

Enrollments and steps are selected by sequence. Messages and replies are looked up one by one, each by its index.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true
from sqlalchemy.orm import Session

from app.automation.sequences.models import Enrollment, EnrollmentStep
from app.clock import now
from app.core.calendar.date_range import DateRange
from app.core.db import AnyRow, AnySelect
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.leads.timeline.responses import REPLY_WINDOW, converted_lateral, replied_lateral
from app.messaging.channels.registry import CHANNELS
from app.messaging.models import Notification, NotificationState, TrackedMessage

MESSAGES: Final = (
    *("sent", "told_of", "reports_opens", "reports_clicks", "delivered", "opened", "clicked"),
    *("machine_opened", "machine_clicked", "failed", "replied", "converted"),
)


class ReportFilter(NamedTuple):
    """Filter of the report: sequence, period of enrollment, version (None: all versions)."""

    sequence_id: UUID
    period: DateRange
    version: int | None


def count_enrollments(session: Session, actor: Actor, report_filter: ReportFilter) -> Sequence[AnyRow]:
    """Count enrollments, replies and conversions by state, reason and current or last step."""
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
        .where(*_enrolled_in_period(actor, report_filter))
        .group_by(*keys)
    )
    return session.execute(_of_version(found, Enrollment.sequence_version, report_filter)).all()


def count_steps(session: Session, actor: Actor, report_filter: ReportFilter) -> Sequence[AnyRow]:
    """Count finished steps and the results of their messages by step, kind, variant, outcome, reason and version."""
    steps = _of_version(_steps(actor, report_filter), EnrollmentStep.sequence_version, report_filter)
    return session.execute(steps).all()


def _steps(actor: Actor, report_filter: ReportFilter) -> AnySelect:
    keys = tuple(
        getattr(EnrollmentStep, name) for name in ("step", "kind", "variant", "outcome", "reason", "sequence_version")
    )
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
        .where(*_enrolled_in_period(actor, report_filter), EnrollmentStep.sequence_id == report_filter.sequence_id)
        .group_by(*keys)
    )


def _counts(message: Any) -> Mapping[str, ColumnElement[int]]:
    """A bounced message counts as sent and as failed. Gateways report deliveries, opens and clicks.

    Tracked e-mails report opens and clicks. Those of persons and of machines are counted apart.
    """
    is_sent, is_told_of = message.c.sent_at.is_not(None), message.c.channel.in_(CHANNELS.names_with_gateway())
    return {
        "sent": func.count(message.c.sent_at),
        "told_of": _count(is_sent, is_told_of),
        "reports_opens": _count(is_sent, or_(is_told_of, message.c.opens)),
        "reports_clicks": _count(is_sent, or_(is_told_of, message.c.clicks)),
        "machine_opened": _count(message.c.machine_opens > 0),
        "machine_clicked": _count(message.c.machine_clicks > 0),
        "delivered": func.count(message.c.delivered_at),
        "opened": func.count(message.c.opened_at),
        "clicked": func.count(message.c.clicked_at),
        "failed": _count(message.c.state == NotificationState.FAILED),
    }


def _count(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((and_(*conditions), 1)))


def _of_version(found: AnySelect, version: Any, report_filter: ReportFilter) -> AnySelect:
    return found if report_filter.version is None else found.where(version == report_filter.version)


def _enrolled_in_period(actor: Actor, report_filter: ReportFilter) -> list[ColumnElement[bool]]:
    """Return the conditions: enrolled in the period, and the actor may see the lead."""
    tests = [
        Enrollment.sequence_id == report_filter.sequence_id,
        Enrollment.clinic_id == actor.clinic.id,
        Enrollment.enrolled_at >= report_filter.period.since,
        Enrollment.enrolled_at < report_filter.period.until,
    ]
    reader = actor.within(Permission.LEAD_READ)
    if reader.scope is Scope.ALL:
        return tests
    return [*tests, Enrollment.lead_id.in_(select(Lead.id).where(*visible_to(reader)))]


def _message() -> Any:
    """LIMIT makes PostgreSQL look messages up one by one instead of joining the whole table."""
    columns = ("channel", "state", "sent_at", "delivered_at", "opened_at", "clicked_at")
    tracked = ("opens", "clicks", "machine_opens", "machine_clicks")
    mine = (
        select(*(getattr(Notification, name) for name in columns), *(getattr(TrackedMessage, name) for name in tracked))
        .join(TrackedMessage, TrackedMessage.id == Notification.id, isouter=True)
        .where(Notification.id == EnrollmentStep.notification_id)
    )
    return mine.limit(1).correlate(EnrollmentStep).lateral("message")
