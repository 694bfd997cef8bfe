"""Filters of leads by the messages that rules and sequences wrote to them. A series is a rule or a sequence."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, DateTime, column, exists, not_, or_, select, table, text

from app.leads.models import Lead
from app.leads.timeline.responses import REPLY_WINDOW, has_reply

_TIME: Final = DateTime(timezone=True)
# The model is in app.messaging, above this package.
MESSAGES: Final = table(
    "notifications", column("lead_id"), column("user_id"), column("series"), column("state"), column("sent_at", _TIME)
)
IS_TO_LEAD: Final = MESSAGES.c.user_id.is_(None)
_IS_CONTACT: Final = text(
    "notifications.user_id IS NULL AND notifications.state <> ALL (ARRAY['failed', 'suppressed'])"
)


def _written(series: str) -> Any:
    return select(1).where(MESSAGES.c.lead_id == Lead.id, IS_TO_LEAD, MESSAGES.c.series == series)


def has_message(series: str) -> ColumnElement[bool]:
    """Return the condition that a message of the series was sent to the lead."""
    return exists(_written(series).where(MESSAGES.c.sent_at.is_not(None)))


def _has_replied_to(series: str) -> ColumnElement[bool]:
    until = MESSAGES.c.sent_at + REPLY_WINDOW
    reply = has_reply(MESSAGES.c.lead_id, after=MESSAGES.c.sent_at, until=until)
    return exists(_written(series).where(reply))


def _was_contacted(wanted: object) -> ColumnElement[bool]:
    sent = select(1).where(MESSAGES.c.lead_id == Lead.id, _IS_CONTACT, MESSAGES.c.sent_at.is_not(None))
    found = or_(Lead.first_contact_at.is_not(None), exists(sent))
    return found if wanted else not_(found)


MESSAGE_FILTERS: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = {
    "was_contacted": _was_contacted,
    "planned_by": lambda series: exists(_written(series)),
    "messaged_by": has_message,
    "not_messaged_by": lambda series: not_(has_message(series)),
    "replied_to": _has_replied_to,
    "converted_after": lambda series: exists(_written(series).where(MESSAGES.c.sent_at < Lead.converted_at)),
}
