"""`suggest_lost`: tell the coordinator that this lead looks lost; a person decides (lead-management.md, rule 8)."""

from collections.abc import Mapping
from typing import Any

from app.automation.handlers.context import StepContext
from app.automation.handlers.messages import told_besides
from app.automation.language.docs.sentences import plain
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, LostSuggestion, Outcome, Row, Skip
from app.engine.step_kind import Details, Settings, StepKind, Words
from app.leads.timeline.models import ActivityType
from app.leads.timeline.rows import activity_row


def decide(context: StepContext) -> Outcome:
    """Flag the lead and note it on its timeline."""
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
    suggestion = LostSuggestion(id=context.lead.id, lost_suggested_at=context.now, lost_suggested_reason=reason)
    messages, said = _message(context)
    effects = Effects(activities=(note,), lost_suggestions=(suggestion,), notifications=messages)
    return Done({"activity_id": note["id"], **said}, effects=effects)


def _message(context: StepContext) -> tuple[tuple[Row, ...], Mapping[str, Any]]:
    """The message to the coordinator, where the rule has one."""
    told = context.coordinator if "template" in context.params else None
    return told_besides(context, [told]) if told else ((), {})


def _details(context: StepContext, _: Done) -> Details:
    return {"reason": context.params["reason"]}


def _sentence(loss: Settings) -> str:
    return f"Suggest to close the lead as lost ({plain(loss['reason'])})"


KIND = StepKind(
    name="suggest_lost",
    decide=decide,
    details=_details,
    words=Words(
        _sentence,
        about="Tell the coordinator that the lead looks lost; a person decides.",
        example="{reason: NO_RESPONSE}",
    ),
)
