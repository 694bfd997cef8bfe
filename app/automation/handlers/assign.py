"""`assign`: give the lead to somebody, or to whom the clinic's assignment rules choose."""

from functools import partial
from uuid import UUID

from app.automation.language.check_actions import BY_RULES
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.leads.assignment.assign_one import give_by_rules, give_to
from workers.pipeline.context import StepContext
from workers.pipeline.lead_changes import Change


def decide(context: StepContext) -> Outcome:
    """With history, timeline and event, as any assignment."""
    to = context.params["to"]
    if to == BY_RULES:
        return Done({"to": to}, effects=Effects(changes=(Change.of(context, give_by_rules),)))
    person = context.person(UUID(to))
    if person is None:
        return Skip(Reason.NOBODY_TO_TELL)
    if context.lead.assigned_to_id == person.id:
        return Skip(Reason.ALREADY_SO)
    return Done({"to": to}, effects=Effects(changes=(Change.of(context, partial(give_to, user_id=person.id)),)))
