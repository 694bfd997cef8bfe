"""`remind`: tell the assignee that a task is about to be due (follow-up-management.md)."""

from app.engine.models import Reason
from app.engine.outcomes import Done, Outcome, Skip
from app.tasks.lifecycle.reminders import why_not_remind
from workers.messages import to_users
from workers.pipeline.context import StepContext


def decide(context: StepContext) -> Outcome:
    """Remind, unless the task is done, moved, or its time has come anyway."""
    task = context.task
    if reason := why_not_remind(task, context.params, context.now):
        return Skip(reason)
    assignee = context.person(task.assigned_to_id if task else None)
    if assignee is None:
        return Skip(Reason.NOBODY_TO_TELL)
    effects = to_users(context, [assignee])
    return Done({"notification_ids": [n["id"] for n in effects.notifications]}, effects=effects)
