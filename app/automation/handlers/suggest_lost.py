"""`suggest_lost`: suggest to close the lead as lost; a user decides (lead-management.md, rule 8)."""

from collections.abc import Iterator
from typing import ClassVar

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.messages import to_users_if_complete
from app.automation.language.base import Maybe
from app.automation.language.docs.sentences import plain
from app.automation.language.params import LossReason, Params, StaffChannels, TemplateSlug
from app.automation.language.types.errors import Line
from app.core.type_aliases import JsonObject
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, LostSuggestion, Outcome, Row, Skip
from app.engine.step_kind import Details, Settings, StepKind
from app.leads.timeline.models import ActivityType
from app.leads.timeline.rows import activity_row


class SuggestLost(Params):
    """Suggest to the coordinator to close the lead as lost."""

    example: ClassVar[object] = {"reason": "NO_RESPONSE"}

    reason: LossReason
    channels: Maybe[StaffChannels] = None
    template: Maybe[TemplateSlug] = None

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield a mistake for channels without a template, and the reverse."""
        named = given.keys() & {"channels", "template"}
        if len(named) == 1:
            [missing] = {"channels", "template"} - named
            yield Line((missing,), "is missing: `channels` and `template` go together")


def decide(context: StepContext) -> Outcome:
    """Flag the lead, add a note to its timeline, and notify the coordinator."""
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
    messages, details = _message(context)
    effects = Effects(activities=(note,), lost_suggestions=(suggestion,), notifications=messages)
    return Done({"activity_id": note["id"], **details}, effects=effects)


def _message(context: StepContext) -> tuple[tuple[Row, ...], JsonObject]:
    """Return the message to the coordinator, if the rule has one, and its part of the outcome."""
    recipient = context.coordinator if "template" in context.params else None
    return to_users_if_complete(context, [recipient]) if recipient else ((), {})


def _details(context: StepContext, _: Done) -> Details:
    return {"reason": context.params["reason"]}


def _sentence(settings: Settings) -> str:
    return f"Suggest to close the lead as lost ({plain(settings['reason'])})"


KIND = StepKind(
    name="suggest_lost",
    decide=decide,
    params=SuggestLost,
    details=_details,
    sentence=_sentence,
)
