"""`create_task`: a follow-up for the lead's coordinator."""

from datetime import datetime

from app.automation.models import Reason
from app.tasks.rows import task_row
from workers.context import StepContext
from workers.follow import task_created
from workers.outcomes import Done, Effects, Outcome, Skip


def decide(context: StepContext) -> Outcome:
    """Make the task that the rule describes."""
    coordinator = context.coordinator
    if coordinator is None:
        return Skip(Reason.NOBODY_TO_TELL)
    task = task_row(
        context.clinic.id,
        context.lead.id,
        at=context.now,
        title=context.params["title"],
        type=context.params["type"],
        priority=context.params.get("priority", "NORMAL"),
        assigned_to_id=coordinator.id,
        due_at=datetime.fromisoformat(context.params["task_due_at"]),
        step_id=context.step.id,
    )
    return Done({"task_id": task["id"]}, effects=Effects(tasks=(task,), events=task_created(context, task)))
