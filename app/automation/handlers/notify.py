"""`notify`: a message to people of the clinic (simplepro-follow-up-automation.md, "Send notifications")."""

from app.automation.handlers.context import StepContext
from app.automation.handlers.messages import made_of, to_users
from app.automation.language.docs.sentences import by_channels, plain
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.engine.step_kind import Details, Settings, StepKind, Words
from app.leads.assignment.coordinators import users_in_group

COORDINATOR = "coordinator"  # who is told where the rule names no one


def decide(context: StepContext) -> Outcome:
    """Tell the audience that the rule names, on its channels."""
    people = users_in_group(context.params.get("to", COORDINATOR), context.coordinator, context.people)
    if not people:
        return Skip(Reason.NOBODY_TO_TELL)
    messages = to_users(context, people)
    return Done(made_of(messages), effects=Effects(notifications=messages))


def _details(context: StepContext, _: Done) -> Details:
    return {"to": context.params.get("to", COORDINATOR), "template": context.params["template"]}


def _sentence(told: Settings) -> str:
    return f"Tell the {told.get('to', COORDINATOR)} {by_channels(told['channels'])}: {plain(told['template'])}"


KIND = StepKind(
    name="notify",
    decide=decide,
    details=_details,
    words=Words(
        _sentence,
        about="Tell the `coordinator`, the `managers` or the `admins`.",
        example="{to: managers, channels: [in_app], template: hello}",
    ),
)
