"""`notify`: tell people of the clinic (simplepro-follow-up-automation.md, "Send notifications")."""

from app.engine.models import Reason
from app.engine.outcomes import Done, Outcome, Skip
from app.leads.assignment.coordinators import audience
from workers.messages import to_users
from workers.pipeline.context import StepContext


def decide(context: StepContext) -> Outcome:
    """Tell those that the rule names, on the channels it names."""
    people = audience(context.params.get("to", "coordinator"), context.coordinator, context.people)
    if not people:
        return Skip(Reason.NOBODY_TO_TELL)
    effects = to_users(context, people)
    return Done({"notification_ids": [n["id"] for n in effects.notifications]}, effects=effects)
