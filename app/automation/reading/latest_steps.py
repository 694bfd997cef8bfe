"""The latest steps of a rule or a sequence, each with its lead."""

from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.clock import now
from app.core.db import AnyRow, AnySelect
from app.engine.models import PENDING, Step
from app.engine.step_kind import STEP_KINDS
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.search.lookup import visible_to

PERIOD: Final = timedelta(days=7)  # of ended steps, as in the lateness report
_SHOWN: Final = (
    *(Step.id, Step.kind, Step.name, Step.state, Step.reason, Step.due_at, Step.finished_at, Step.lead_id),
    *(Lead.first_name, Lead.last_name),
)


def latest_steps(session: Session, actor: Actor, name: str, *, limit: int) -> list[AnyRow]:
    """Return steps of the rule or sequence with this name: the next ones that are due, then those that ended last.

    At most `limit` of each, of leads that the actor may see.
    """
    of_name = _of_name(actor, name)
    pending = of_name.where(Step.state.in_(PENDING)).order_by(Step.due_at, Step.id)
    ended = of_name.where(Step.finished_at >= now() - PERIOD).order_by(Step.finished_at.desc(), Step.id)
    found = [row for part in (pending, ended) for row in session.execute(part.limit(limit))]
    audit_log.note_read(session, "lead", {row.lead_id for row in found})
    return found


def _of_name(actor: Actor, name: str) -> AnySelect:
    return (
        select(*_SHOWN)
        .join(Lead, Lead.id == Step.lead_id)
        .where(
            Step.clinic_id == actor.clinic.id,
            Step.name == name,
            Step.kind.in_(STEP_KINDS.for_rules()),  # the index of pending steps is by kind
            *visible_to(actor),
        )
    )
