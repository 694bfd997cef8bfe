"""`create_task`: a follow-up for the lead's coordinator."""

from datetime import datetime
from typing import Any

from app.automation.models import Reason
from app.task_templates.wording import Words, fill
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
        **_words(context, coordinator.name),
        type=context.params["type"],
        priority=context.params.get("priority", "NORMAL"),
        tags=context.params.get("tags", []),
        assigned_to_id=coordinator.id,
        due_at=datetime.fromisoformat(context.params["task_due_at"]),
        step_id=context.step.id,
    )
    return Done({"task_id": task["id"]}, effects=Effects(tasks=(task,), events=task_created(context, task)))


def _words(context: StepContext, coordinator_name: str) -> dict[str, Any]:
    """As a rule says them; with merge fields filled in, where a task template planned the step."""
    if "task_template_id" not in context.step.cause:
        return {"title": context.params["title"], "own_words": False}
    words = Words(context.params["title"], context.params["description"])
    return fill(words, context.clinic, context.lead, coordinator_name=coordinator_name)._asdict()
