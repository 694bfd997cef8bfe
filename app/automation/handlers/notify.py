"""`notify`: a message to users of the clinic (simplepro-follow-up-automation.md, "Send notifications")."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.messages import notification_ids, to_users
from app.automation.language.docs.sentences import by_channels, plain
from app.automation.language.params import Params, StaffChannels, TemplateSlug
from app.automation.language.types.primitives import OneOf
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.engine.step_kind import Details, Settings, StepKind
from app.leads.assignment.coordinators import users_in_group


class Notify(Params):
    """Notify users: the coordinator, the managers or the admins."""

    example: ClassVar[object] = {"to": "managers", "channels": ["in_app"], "template": "hello"}

    to: Annotated[Literal["coordinator", "managers", "admins"], OneOf()] = Field(
        default="coordinator", description="The users to notify.", examples=["managers"]
    )
    channels: StaffChannels
    template: TemplateSlug


COORDINATOR = "coordinator"  # the default recipient


def decide(context: StepContext) -> Outcome:
    """Notify the users that the rule names, on its channels."""
    people = users_in_group(context.params.get("to", COORDINATOR), context.coordinator, context.people)
    if not people:
        return Skip(Reason.NOBODY_TO_TELL)
    messages = to_users(context, people)
    return Done(notification_ids(messages), effects=Effects(notifications=messages))


def _details(context: StepContext, _: Done) -> Details:
    return {"to": context.params.get("to", COORDINATOR), "template": context.params["template"]}


def _sentence(settings: Settings) -> str:
    recipient = settings.get("to", COORDINATOR)
    return f"Notify the {recipient} {by_channels(settings['channels'])}: {plain(settings['template'])}"


KIND = StepKind(
    name="notify",
    decide=decide,
    params=Notify,
    sequence_params=Notify,
    details=_details,
    sentence=_sentence,
)
