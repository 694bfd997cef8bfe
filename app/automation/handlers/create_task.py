"""`create_task`: a follow-up for the lead's coordinator."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.tasks.rows import task_row
from app.tasks.templates.rendering import Words, fill
from workers.follow_up_events import task_created
from workers.messages import values_of
from workers.pipeline.context import StepContext


def decide(context: StepContext) -> Outcome:
    """Make the task that the rule describes."""
    coordinator = context.coordinator
    if coordinator is None:
        return Skip(Reason.NOBODY_TO_TELL)
    task = task_row(
        context.clinic.id,
        context.lead.id,
        at=context.now,
        **_words(context),
        type=context.params["type"],
        priority=context.params.get("priority", "NORMAL"),
        tags=context.params.get("tags", []),
        assigned_to_id=coordinator.id,
        due_at=datetime.fromisoformat(context.params["task_due_at"]),
        step_id=context.step.id,
    )
    return Done({"task_id": task["id"]}, effects=Effects(tasks=(task,), events=task_created(context, task)))


def _words(context: StepContext) -> dict[str, Any]:
    """As a rule says them; with merge fields filled in, where a task template planned the step."""
    template_id = context.step.cause.get("task_template_id")
    if template_id is None:
        return {"title": context.params["title"], "own_words": False}
    words = fill(Words(context.params["title"], context.params["description"]), values_of(context))
    return {**words._asdict(), "task_template_id": UUID(template_id)}
