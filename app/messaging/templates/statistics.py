"""Message statistics of a template, by version."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, select, true
from sqlalchemy.orm import Session

from app.core.calendar.date_range import DateRange
from app.core.db import AnySelect
from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.leads.timeline.responses import REPLY_WINDOW, converted_lateral, replied_lateral
from app.messaging.models import MessageTemplate, MessageTemplateVersion, Notification, NotificationState

_FIGURES: Final = ("written", "sent", "failed", "suppressed", "replied", "converted")


def statistics(session: Session, actor: Actor, template: MessageTemplate, period: DateRange) -> JsonDict:
    """Return the figures for TemplateStatisticsOut.

    They count messages written in the period, about leads that the actor may see.
    """
    versions = [dict(row) for row in session.execute(_by_version(actor, template, period)).mappings()]
    total = {name: sum(version[name] for version in versions) for name in _FIGURES}
    return {**total, **period._asdict(), "versions": versions}


def _by_version(actor: Actor, template: MessageTemplate, period: DateRange) -> AnySelect:
    """Count each version's messages through its index; replies are looked up for each message."""
    messages = _message_counts(actor, period)
    return (
        select(
            MessageTemplateVersion.id.label("version_id"),
            MessageTemplateVersion.number,
            *(messages.c[name] for name in _FIGURES),
        )
        .join(messages, true())
        .where(MessageTemplateVersion.template_id == template.id)
        .order_by(MessageTemplateVersion.number.desc())
    )


def _message_counts(actor: Actor, period: DateRange) -> Any:
    replied, won = response_lookups()
    written = (
        Notification.template_version_id == MessageTemplateVersion.id,
        Notification.clinic_id == actor.clinic.id,
        Notification.created_at >= period.since,
        Notification.created_at < period.until,
    )
    went_to_lead = and_(Notification.user_id.is_(None), _is(NotificationState.SENT))
    counts: Mapping[str, ColumnElement[int]] = {
        "written": func.count(),
        "sent": func.count().filter(_is(NotificationState.SENT)),
        "failed": func.count().filter(_is(NotificationState.FAILED)),
        "suppressed": func.count().filter(_is(NotificationState.SUPPRESSED)),
        "replied": func.count().filter(went_to_lead, replied.c.one.is_not(None)),
        "converted": func.count().filter(went_to_lead, won.c.one.is_not(None)),
    }
    found = select(*(count.label(name) for name, count in counts.items())).select_from(Notification)
    looked_up = found.join(replied, true(), isouter=True).join(won, true(), isouter=True)
    return looked_up.where(*written, *_visible_to(actor)).correlate(MessageTemplateVersion).lateral("messages")


def _is(state: NotificationState) -> ColumnElement[bool]:
    return Notification.state == state


def response_lookups() -> tuple[Any, Any]:
    """Return two lookups: a reply of the message's lead within a week, and a conversion of it after the message."""
    sent_at, beside = Notification.sent_at, (Notification,)
    return (
        replied_lateral(Notification.lead_id, after=sent_at, until=sent_at + REPLY_WINDOW, beside=beside),
        converted_lateral(Notification.lead_id, after=sent_at, beside=beside),
    )


def _visible_to(actor: Actor) -> list[ColumnElement[bool]]:
    reader = actor.within(Permission.LEAD_READ)
    if reader.scope is Scope.ALL:
        return []
    return [Notification.lead_id.in_(select(Lead.id).where(*visible_to(reader)))]
