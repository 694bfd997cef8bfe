"""What steps change about leads: done by the leads' own services, so that history and rules hear of it as ever."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.engine.events.chains import led_by
from app.engine.events.events import Chain
from app.identity.actor import Actor
from app.leads.models import Lead
from workers.pipeline.context import StepContext


@dataclass(frozen=True, slots=True)
class Change:
    """One lead's. `act` does it to the lead, which the claim has locked, as the automation of its clinic."""

    lead_id: UUID
    actor: Actor
    cause: Mapping[str, Any]
    act: Callable[[Session, Actor, Lead], None]

    @classmethod
    def of(cls, context: StepContext, act: Callable[[Session, Actor, Lead], None]) -> "Change":
        """What this step does to its lead."""
        return cls(context.lead.id, Actor.system(context.clinic), context.step.cause, act)


def carry_out(session: Session, changes: Sequence[Change]) -> None:
    """One after the other; what follows from each knows what led to it."""
    if not changes:
        return
    wanted = select(Lead).where(Lead.id.in_([change.lead_id for change in changes]))
    leads = {lead.id: lead for lead in session.scalars(wanted.execution_options(populate_existing=True))}
    for change in changes:
        with led_by(session, Chain.of(change.cause)):
            change.act(session, change.actor, leads[change.lead_id])
