"""The follow-ups of some sequences in figures: of each message what became of it, and of its lead after it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, Select, distinct, extract, func, select, true, tuple_
from sqlalchemy.orm import Session, aliased

from app.automation.sequences.models import LIVE, Enrollment, EnrollmentStep
from app.clock import now
from app.core.date_range import DateRange
from app.identity.actor import Actor
from app.identity.permissions import Scope
from app.leads.lookup import visible_to
from app.leads.models import Lead
from app.messaging.models import Notification, NotificationState
from app.messaging.templates.statistics import response_lookups

HELD_UP: Final = timedelta(days=3)  # a message that is sent today was written at most so long before
OF_ITS_STEP: Final = Notification.id == EnrollmentStep.notification_id

Group: TypeAlias = tuple[str, ...]
ALL: Final[Group] = ()
BY_SEQUENCE: Final[Group] = ("sequence_id",)
BY_STEP: Final[Group] = ("sequence_id", "step")
BY_TEMPLATE: Final[Group] = ("template", "template_version_id")
BY_HOUR: Final[Group] = ("hour",)
_COLUMNS: Final = ("sequence_id", "step", "template", "template_version_id", "hour")


class Asked(NamedTuple):
    """Who asks, of which sequences, and of messages written when."""

    actor: Actor
    sequences: Collection[UUID]
    period: DateRange


@dataclass(frozen=True, slots=True)
class Figures:
    """Messages, and the leads that they were sent to. Rates are of leads."""

    sent: int = 0
    delivered: int = 0
    failed: int = 0
    leads: int = 0
    leads_replied: int = 0
    leads_converted: int = 0

    @property
    def response_rate(self) -> float | None:
        """Of those that were written to, the part that answered."""
        return round(self.leads_replied / self.leads, 4) if self.leads else None

    @property
    def conversion_rate(self) -> float | None:
        """Of those that were written to, the part that was converted after it."""
        return round(self.leads_converted / self.leads, 4) if self.leads else None


Grouped: TypeAlias = Mapping[Group, Mapping[tuple[Any, ...], Figures]]


def figures(session: Session, asked: Asked) -> Grouped:
    """The same messages in all groupings, in one go; in each by the values that it groups by."""
    messages = _messages(asked).subquery("messages")
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
    """As PostgreSQL tells it: a bit for each column that is not grouped by, the first column's the highest."""
    return sum(2**place for place, name in enumerate(reversed(_COLUMNS)) if name not in group)


_GROUPS: Final = {_grouping(group): group for group in (ALL, BY_SEQUENCE, BY_STEP, BY_TEMPLATE, BY_HOUR)}


def _messages(asked: Asked) -> Select[Any]:
    """Found by when they were written; of each its lead and its lead's next reply are looked up by an index."""
    replied, converted = response_lookups()
    was_sent = Notification.sent_at.is_not(None)
    local = func.timezone(asked.actor.clinic.calendar.zone.key, Notification.sent_at)
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
        .where(*_written(asked, Notification.lead_id))
    )


def _counts(messages: Any) -> Iterable[ColumnElement[int]]:
    whats = {"sent": messages.was_sent, "delivered": messages.was_delivered, "failed": messages.has_failed}
    yield from (func.count().filter(what).label(name) for name, what in whats.items())
    of_leads = {"leads": "was_sent", "leads_replied": "was_answered", "leads_converted": "led_on"}
    for name, what in of_leads.items():
        yield func.count(distinct(messages.lead_id)).filter(messages[what]).label(name)


def _written(asked: Asked, lead_id: Any) -> tuple[ColumnElement[bool], ...]:
    return (
        EnrollmentStep.sequence_id.in_(list(asked.sequences)),
        EnrollmentStep.notification_id.is_not(None),
        EnrollmentStep.at >= asked.period.since,
        EnrollmentStep.at < asked.period.until,
        *_of_those_seen(asked.actor, lead_id),
    )


def _of_those_seen(actor: Actor, lead_id: Any) -> tuple[ColumnElement[bool], ...]:
    return () if actor.scope is Scope.ALL else (lead_id.in_(select(Lead.id).where(*visible_to(actor))),)


def standing(session: Session, asked: Asked) -> Mapping[tuple[UUID, str], int]:
    """How many leads have come as far as each step of each sequence, and have it before them, now."""
    columns = (Enrollment.sequence_id, Enrollment.step)
    live = (Enrollment.sequence_id.in_(list(asked.sequences)), Enrollment.state.in_(LIVE))
    wanted = select(*columns, func.count().label("leads")).where(
        *live, *_of_those_seen(asked.actor, Enrollment.lead_id)
    )
    return {(row.sequence_id, row.step): row.leads for row in session.execute(wanted.group_by(*columns))}


def sent_today(session: Session, asked: Asked) -> int:
    """Messages since midnight on the clinic's wall, whatever the period."""
    calendar = asked.actor.clinic.calendar
    midnight = calendar.at_wall_time(calendar.local(now()).date(), time())
    lately = asked._replace(period=DateRange(midnight - HELD_UP, now() + timedelta(seconds=1)))
    wanted = select(func.count()).join_from(EnrollmentStep, Notification, OF_ITS_STEP)
    since = (*_written(lately, Notification.lead_id), Notification.sent_at >= midnight)
    return session.scalar(wanted.where(*since)) or 0


def time_to_conversion(session: Session, asked: Asked) -> Mapping[str, int | None]:
    """From the first follow-up to the conversion, of the leads that had a follow-up within the period."""
    had = (
        select(EnrollmentStep.enrollment_id, Lead.converted_at)
        .join_from(EnrollmentStep, Notification, OF_ITS_STEP)
        .join(Lead, Lead.id == Notification.lead_id)
        .where(*_written(asked, Notification.lead_id), Lead.converted_at > Notification.sent_at)
        .distinct()
        .subquery("had")
    )
    step, note = aliased(EnrollmentStep), aliased(Notification)
    first = select(func.min(note.sent_at).label("at")).join_from(step, note, note.id == step.notification_id)
    begun = first.where(step.enrollment_id == had.c.enrollment_id).lateral("begun")
    took = extract("epoch", had.c.converted_at - begun.c.at)
    wanted = select(func.count(), func.percentile_cont(0.5).within_group(took), func.avg(took))
    found = session.execute(wanted.select_from(had).join(begun, true())).one()
    return dict(zip(("leads", "median_seconds", "mean_seconds"), map(_whole, found), strict=True))


def _whole(number: Any) -> int | None:
    return None if number is None else round(number)
