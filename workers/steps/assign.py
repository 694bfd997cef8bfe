"""`assign`: give the lead to somebody, or to whom the clinic's assignment rules choose."""

from functools import partial
from uuid import UUID

from app.automation.models import Reason
from app.automation.playbooks.check_actions import BY_RULES
from app.leads.giving import give_by_rules, give_to
from workers.changes import Change
from workers.context import StepContext
from workers.outcomes import Done, Effects, Outcome, Skip


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
