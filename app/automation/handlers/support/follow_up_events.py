"""Events of steps: task created, message sent, failed or bounced."""

from datetime import datetime

from app.automation.handlers.support.context import StepContext
from app.engine.events.events import Chain, Event, EventName
from app.engine.outcomes import Row
from app.leads.events import lead_event
from app.tasks import rows


def task_created(context: StepContext, task: Row) -> tuple[Event, ...]:
    """Return the event of a created task if a rule listens to it. The event cancels no steps, so others need none."""
    if not context.is_wanted(EventName.TASK_CREATED):
        return ()
    return (rows.task_created(task, context.lead).with_chain(Chain.of(context.step.cause)),)


def message_event(context: StepContext, name: EventName, *, at: datetime, key: str = "") -> tuple[Event, ...]:
    """Return the event of a message to the lead, if a rule listens to it or a bounce may end an enrollment."""
    note = context.message
    may_end_enrollment = name is EventName.MESSAGE_BOUNCED and bool(context.sequences)
    if note.user_id is not None or context.step.lead_id is None or not (may_end_enrollment or context.is_wanted(name)):
        return ()
    about = {"channel": note.channel, "template": note.template}
    went = lead_event(name, context.lead, at, about=about, subject_id=note.id, key=key)
    return (went.with_chain(Chain.of(context.step.cause)),)
