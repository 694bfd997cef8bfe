"""Apply lead changes of steps through the services, so that history and rules follow."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.handlers.support.changes import (
    AssignByRules,
    AssignTo,
    ChangeStage,
    CompleteTasks,
    CountMessage,
    DiscountMessage,
    LeadChange,
    OptOut,
    UpdateLead,
)
from app.automation.handlers.support.context import StepContext
from app.engine.events.chains import use_chain
from app.engine.events.events import Chain
from app.engine.outcomes import BaseOutcome, Change
from app.identity.actor import Actor
from app.leads.activities.messages import count_message, discount_message
from app.leads.assignment.assign_one import assign_by_rules, assign_to_user
from app.leads.changes import apply_amendment
from app.leads.models import Lead
from app.leads.pipeline.stages import move_forward
from app.messaging.contact_policy.opt_outs import opt_out
from app.tasks.lifecycle.closing import complete_all

Wanted = TypeVar("Wanted", bound=Change)


def carry_out(session: Session, decided: Sequence[tuple[StepContext, BaseOutcome]]) -> None:
    """Apply the changes one by one with the clinic's system actor. Each event carries its causal chain."""
    wanted = list(changes_of(decided, LeadChange))
    if not wanted:
        return
    leads = _leads(session, [context.lead.id for context, _ in wanted])
    for context, change in wanted:
        with use_chain(session, Chain.of(context.step.cause)):
            _change(session, Actor.system(context.clinic), leads[context.lead.id], change)


def changes_of(
    decided: Iterable[tuple[StepContext, BaseOutcome]], kind: type[Wanted]
) -> Iterator[tuple[StepContext, Wanted]]:
    """Yield the changes of this class, each with its step context."""
    for context, end in decided:
        for change in end.effects.changes:
            if isinstance(change, kind):
                yield context, change


def _leads(session: Session, ids: Sequence[UUID]) -> dict[UUID, Lead]:
    """Return the leads by id. The claim has locked them."""
    wanted = select(Lead).where(Lead.id.in_(ids)).execution_options(populate_existing=True)
    return {lead.id: lead for lead in session.scalars(wanted)}


def _change(session: Session, actor: Actor, lead: Lead, change: LeadChange) -> None:
    match change:
        case ChangeStage(stage, reason):
            move_forward(session, actor, lead, stage=stage, reason=reason)
        case AssignTo(user_id):
            assign_to_user(session, actor, lead, user_id)
        case AssignByRules():
            assign_by_rules(session, actor, lead)
        case UpdateLead(amendment):
            apply_amendment(session, actor, lead, amendment)
        case CompleteTasks(types, keys, only_keyed):
            complete_all(session, actor, lead, types=types, keys=keys, only_keyed=only_keyed)
        case CountMessage(activity_id, handed_over_at):
            count_message(session, actor, activity_id, handed_over_at=handed_over_at)
        case DiscountMessage(activity_id):
            discount_message(session, actor, activity_id)
        case OptOut(channel):
            opt_out(session, actor, lead.id, channel=channel)
        case _:
            raise TypeError(change)
