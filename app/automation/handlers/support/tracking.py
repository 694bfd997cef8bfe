"""Tracked links and images of a step's message."""

from typing import NamedTuple

from app.automation.handlers.support.context import StepContext
from app.core.type_aliases import ColumnDict
from app.messaging.channels import email
from app.messaging.tracking.links import track


class SentText(NamedTuple):
    """The text to send, with the rows to store if it is tracked."""

    body: str
    html: str | None = None
    messages: tuple[ColumnDict, ...] = ()  # of `tracked_messages`: none or one
    links: tuple[ColumnDict, ...] = ()  # of `tracked_links`


def tracked_text(context: StepContext, body: str) -> SentText:
    """Return the text with tracked links if it is an e-mail to a lead and the clinic counts opens or clicks."""
    note, settings = context.message, context.clinic.tracking
    is_to_lead = note.user_id is None and context.step.lead_id is not None
    if not (settings.is_on and is_to_lead and note.channel == email.CHANNEL.name):
        return SentText(body)
    text = track(body, note.clinic_id, note.id, settings=settings)
    message = {"id": note.id, "clinic_id": note.clinic_id, "opens": settings.opens, "clicks": settings.clicks}
    return SentText(text.body, text.html, (message,), text.links)
