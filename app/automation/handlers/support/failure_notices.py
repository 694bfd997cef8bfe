"""Notice to the author of a message that was not sent."""

from app.automation.handlers.support.context import StepContext
from app.engine.outcomes import Row
from app.messaging.channels import in_app
from app.messaging.channels.registry import CHANNELS
from app.messaging.compose import MessageMetadata, Recipient, compose
from app.messaging.rendering.render import Wording

TEMPLATE = "message-failed"


def failure_notices(context: StepContext) -> tuple[Row, ...]:
    """Return the notice for the user who wrote the message; none if a template wrote it, or if the user has left.

    The provider's answer is not in it, because some providers quote the message. The lead's timeline shows it.
    """
    note = context.message
    author = context.person(note.written_by)
    if author is None or note.user_id is not None:
        return ()
    name = f"{context.lead.first_name} {context.lead.last_name}".strip()
    wording = Wording(
        f"Not sent: your message to {name}",
        f"Your message to {name} ({CHANNELS[note.channel].label}) could not be sent. The lead's timeline shows why.",
    )
    metadata = MessageMetadata(note.clinic_id, template=TEMPLATE, lead_id=note.lead_id, step_id=context.step.id)
    to = Recipient(author.id, author.email)
    return tuple(compose(wording, to, metadata=metadata, channels=[in_app.CHANNEL.name], at=context.now))
