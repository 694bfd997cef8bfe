"""Follow-up statistics of sequences: delivery of messages, and replies and conversions of their leads."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, distinct, extract, func, select, true, tuple_
from sqlalchemy.orm import Session, aliased

from app.automation.sequences.models import LIVE, Enrollment, EnrollmentStep
from app.clock import now
from app.core.calendar.date_range import DateRange
from app.core.db import AnySelect
from app.identity.actor import Actor
from app.identity.permissions import Scope
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.messaging.models import Notification, NotificationState
from app.messaging.templates.statistics import response_lookups

MAX_SEND_DELAY: Final = timedelta(days=3)  # from creation to sending
OF_ITS_STEP: Final = Notification.id == EnrollmentStep.notification_id

Group: TypeAlias = tuple[str, ...]
ALL: Final[Group] = ()
BY_SEQUENCE: Final[Group] = ("sequence_id",)
BY_STEP: Final[Group] = ("sequence_id", "step")
BY_TEMPLATE: Final[Group] = ("template", "template_version_id")
BY_HOUR: Final[Group] = ("hour",)
_COLUMNS: Final = ("sequence_id", "step", "template", "template_version_id", "hour")


class ReportFilter(NamedTuple):
    """Filter: messages of these sequences created in the period, to leads that the actor may see."""

    actor: Actor
    sequences: Collection[UUID]
    period: DateRange


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers of messages and of their leads. Rates are proportions of leads, 0 to 1."""

    sent: int = 0
    delivered: int = 0
    failed: int = 0
    leads: int = 0
    leads_replied: int = 0
    leads_converted: int = 0

    @property
    def response_rate(self) -> float | None:
        """Leads that replied, divided by leads with a message; None without leads."""
        return round(self.leads_replied / self.leads, 4) if self.leads else None

    @property
    def conversion_rate(self) -> float | None:
        """Leads that converted after a message, divided by leads with a message; None without leads."""
        return round(self.leads_converted / self.leads, 4) if self.leads else None


Grouped: TypeAlias = Mapping[Group, Mapping[tuple[Any, ...], Figures]]


def figures(session: Session, report_filter: ReportFilter) -> Grouped:
    """Return the figures of each grouping by its group values, with one query."""
    messages = _messages(report_filter).subquery("messages")
    columns = [messages.c[name] for name in _COLUMNS]
    sets = (tuple_(*(messages.c[name] for name in group)) for group in _GROUPS.values())
    wanted = select(*columns, func.grouping(*columns).label("grouping"), *_counts(messages.c))
    found: dict[Group, dict[tuple[Any, ...], Figures]] = {group: {} for group in _GROUPS.values()}
    for row in session.execute(wanted.group_by(func.grouping_sets(*sets))):
        group = _GROUPS[row.grouping]
        counted = Figures(*(getattr(row, name) for name in Figures.__dataclass_fields__))
        found[group][tuple(getattr(row, name) for name in group)] = counted
    return found


def _grouping(group: Group) -> int:
    """Return PostgreSQL's GROUPING() value: one bit per column not grouped by, the first column highest."""
    return sum(2**place for place, name in enumerate(reversed(_COLUMNS)) if name not in group)


_GROUPS: Final = {_grouping(group): group for group in (ALL, BY_SEQUENCE, BY_STEP, BY_TEMPLATE, BY_HOUR)}


def _messages(report_filter: ReportFilter) -> AnySelect:
    """Return the query for messages by time of creation. Replies and conversions are looked up by index."""
    replied, converted = response_lookups()
    was_sent = Notification.sent_at.is_not(None)
    local = func.timezone(report_filter.actor.clinic.calendar.zone.key, Notification.sent_at)
    return (
        select(
            EnrollmentStep.sequence_id,
            EnrollmentStep.step,
            Notification.template,
            Notification.template_version_id,
            extract("hour", local).label("hour"),
            Notification.lead_id,
            was_sent.label("was_sent"),
            Notification.delivered_at.is_not(None).label("was_delivered"),
            (Notification.state == NotificationState.FAILED).label("has_failed"),
            (was_sent & replied.c.one.is_not(None)).label("was_answered"),
            (was_sent & converted.c.one.is_not(None)).label("led_on"),
        )
        .join_from(EnrollmentStep, Notification, OF_ITS_STEP)
        .join(replied, true(), isouter=True)
        .join(converted, true(), isouter=True)
        .where(*_written(report_filter, Notification.lead_id))
    )


def _counts(messages: Any) -> Iterable[ColumnElement[int]]:
    conditions = {"sent": messages.was_sent, "delivered": messages.was_delivered, "failed": messages.has_failed}
    yield from (func.count().filter(condition).label(name) for name, condition in conditions.items())
    of_leads = {"leads": "was_sent", "leads_replied": "was_answered", "leads_converted": "led_on"}
    for name, column in of_leads.items():
        yield func.count(distinct(messages.lead_id)).filter(messages[column]).label(name)


def _written(report_filter: ReportFilter, lead_id: object) -> tuple[ColumnElement[bool], ...]:
    return (
        EnrollmentStep.sequence_id.in_(list(report_filter.sequences)),
        EnrollmentStep.notification_id.is_not(None),
        EnrollmentStep.at >= report_filter.period.since,
        EnrollmentStep.at < report_filter.period.until,
        *_visible_only(report_filter.actor, lead_id),
    )


def _visible_only(actor: Actor, lead_id: Any) -> tuple[ColumnElement[bool], ...]:
    return () if actor.scope is Scope.ALL else (lead_id.in_(select(Lead.id).where(*visible_to(actor))),)


def leads_before_step(session: Session, report_filter: ReportFilter) -> Mapping[tuple[UUID, str], int]:
    """Return the number of leads that wait for each step now, by sequence id and step name."""
    columns = (Enrollment.sequence_id, Enrollment.step)
    live = (Enrollment.sequence_id.in_(list(report_filter.sequences)), Enrollment.state.in_(LIVE))
    wanted = select(*columns, func.count().label("leads")).where(
        *live, *_visible_only(report_filter.actor, Enrollment.lead_id)
    )
    return {(row.sequence_id, row.step): row.leads for row in session.execute(wanted.group_by(*columns))}


def sent_today(session: Session, report_filter: ReportFilter) -> int:
    """Return the number of messages sent since midnight in the clinic's local time, regardless of the period."""
    calendar = report_filter.actor.clinic.calendar
    midnight = calendar.at_wall_time(calendar.local(now()).date(), time())
    recent = report_filter._replace(period=DateRange(midnight - MAX_SEND_DELAY, now() + timedelta(seconds=1)))
    wanted = select(func.count()).join_from(EnrollmentStep, Notification, OF_ITS_STEP)
    since = (*_written(recent, Notification.lead_id), Notification.sent_at >= midnight)
    return session.scalar(wanted.where(*since)) or 0


def time_to_conversion(session: Session, report_filter: ReportFilter) -> Mapping[str, int | None]:
    """Return the number of conversions, and the median and mean seconds since the lead's first follow-up.

    Only for leads with a follow-up in the period.
    """
    had = (
        select(EnrollmentStep.enrollment_id, Lead.converted_at)
        .join_from(EnrollmentStep, Notification, OF_ITS_STEP)
        .join(Lead, Lead.id == Notification.lead_id)
        .where(*_written(report_filter, Notification.lead_id), Lead.converted_at > Notification.sent_at)
        .distinct()
        .subquery("had")
    )
    step, note = aliased(EnrollmentStep), aliased(Notification)
    first = select(func.min(note.sent_at).label("at")).join_from(step, note, note.id == step.notification_id)
    first_message = first.where(step.enrollment_id == had.c.enrollment_id).lateral("first_message")
    took = extract("epoch", had.c.converted_at - first_message.c.at)
    wanted = select(func.count(), func.percentile_cont(0.5).within_group(took), func.avg(took))
    found = session.execute(wanted.select_from(had).join(first_message, true())).one()
    return dict(zip(("leads", "median_seconds", "mean_seconds"), map(_whole, found), strict=True))


def _whole(number: Any) -> int | None:
    return None if number is None else round(number)
