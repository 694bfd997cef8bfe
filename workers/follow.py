"""What follows from what a step did."""

from app.automation.events import Chain, Event, EventName
from app.tasks import rows
from workers.context import StepContext
from workers.outcomes import Row


def task_created(context: StepContext, task: Row) -> tuple[Event, ...]:
    """The event of a task that a step makes, where some rule listens to it: it stops nothing by itself."""
    if not context.rules.listening_to(EventName.TASK_CREATED):
        return ()
    return (rows.task_created(task, context.lead).following(Chain.of(context.step.cause)),)
