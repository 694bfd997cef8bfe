"""Events that follow from steps."""

from datetime import datetime

from app.automation.handlers.context import StepContext
from app.engine.events.events import Chain, Event, EventName
from app.engine.outcomes import Row
from app.leads.events import lead_event
from app.tasks import rows


def task_created(context: StepContext, task: Row) -> tuple[Event, ...]:
    """Return the event of a task that a step makes, where a rule listens to it: it stops nothing by itself."""
    if not context.rules.listening_to(EventName.TASK_CREATED):
        return ()
    return (rows.task_created(task, context.lead).with_chain(Chain.of(context.step.cause)),)


def message_went(context: StepContext, name: EventName, *, at: datetime, key: str = "") -> tuple[Event, ...]:
    """Return the event of a message to the lead, where a rule listens to it or, of a bounce, a sequence may end."""
    note = context.message
    ends_some = name is EventName.MESSAGE_BOUNCED and bool(context.sequences)
    if note.user_id is not None or context.step.lead_id is None or not (ends_some or context.rules.listening_to(name)):
        return ()
    about = {"channel": note.channel, "template": note.template}
    went = lead_event(name, context.lead, at, about=about, subject_id=note.id, key=key)
    return (went.with_chain(Chain.of(context.step.cause)),)
