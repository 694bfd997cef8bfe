"""`suggest_lost`: tell the coordinator that this lead looks lost; a person decides (lead-management.md, rule 8)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.leads.timeline.models import ActivityType
from app.leads.timeline.rows import activity_row
from workers.messages import told_besides
from workers.pipeline.context import StepContext


def decide(context: StepContext) -> Outcome:
    """Mark the lead and say so on its timeline."""
    if context.lead.lost_suggested_at is not None:
        return Skip(Reason.ALREADY_SUGGESTED)
    reason = context.params["reason"]
    note = activity_row(
        context.clinic.id,
        context.lead.id,
        at=context.now,
        type=ActivityType.NOTE,
        notes=f"Suggested: move to Lost ({reason}), {context.lead.failed_attempts} attempts without response",
        step_id=context.step.id,
    )
    suggestion = {"id": context.lead.id, "lost_suggested_at": context.now, "lost_suggested_reason": reason}
    told, said = _message(context)
    effects = replace(told, activities=(note,), lost_suggestions=(suggestion,))
    return Done({"activity_id": note["id"], **said}, effects=effects)


def _message(context: StepContext) -> tuple[Effects, Mapping[str, Any]]:
    """What the coordinator is told, where the rule says how."""
    told = context.coordinator if "template" in context.params else None
    return told_besides(context, [told]) if told else (Effects(), {})
