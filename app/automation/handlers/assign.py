"""`assign`: assign the lead to a user, or by the clinic's assignment rules."""

from uuid import UUID

from app.automation.handlers.changes import AssignByRules, AssignTo
from app.automation.handlers.context import StepContext
from app.automation.language.actions import BY_RULES
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.engine.step_kind import SMALL_BATCH, Settings, StepKind, Words


def decide(context: StepContext) -> Outcome:
    """Assign it with history, timeline and event, as any assignment."""
    to = context.params["to"]
    if to == BY_RULES:
        return Done({"to": to}, effects=Effects(changes=(AssignByRules(),)))
    person = context.person(UUID(to))
    if person is None:
        return Skip(Reason.NOBODY_TO_TELL)
    if context.lead.assigned_to_id == person.id:
        return Skip(Reason.ALREADY_SO)
    return Done({"to": to}, effects=Effects(changes=(AssignTo(person.id),)))


def _sentence(settings: Settings) -> str:
    to = "whom the assignment rules choose" if settings["to"] == BY_RULES else "somebody"
    return f"Give the lead to {to}"


KIND = StepKind(
    name="assign",
    decide=decide,
    batch=SMALL_BATCH,
    words=Words(
        _sentence,
        about="Give the lead to whom the assignment rules choose (`by_rules`), or to a user.",
        example="{to: by_rules}",
    ),
)
