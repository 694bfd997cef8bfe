"""The next best action of a lead for users: suggest, accept, dismiss."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.automation.lead_view.next_action_models import NextActionAnswer
from app.automation.lead_view.next_actions import NextAct, Situation, Suggestion, candidates
from app.clock import now
from app.core.db import new_id
from app.core.type_aliases import JsonDict
from app.engine.models import PENDING, Step
from app.errors import Conflict
from app.identity.actor import Actor
from app.leads.search.lookup import lock_editable_lead, read_lead
from app.leads.timeline.models import Activity, Direction
from app.messaging.models import Notification, NotificationState
from app.tasks.models import OPEN_TASKS, Task

# Steps that act on the lead. Others only watch, or tell users.
ACTING: Final = ("create_task", "send_message", "deliver", "change_stage", "enroll")
UNANSWERABLE: Final = frozenset({NextAct.NONE, NextAct.WAIT})


class NotSuggested(Conflict):
    """This act is not suggested for the lead any more. Read the next action again."""


def next_action(session: Session, actor: Actor, lead_id: UUID) -> JsonDict:
    """Return the suggested act with its reason and facts. Raises NotFound."""
    return _shown(_suggest(session, actor, read_lead(session, actor, lead_id)))


def answer_next_action(
    session: Session, actor: Actor, lead_id: UUID, act: str, *, is_accepted: bool, reason: str | None = None
) -> JsonDict:
    """Keep the answer to the suggested act, and return the next one.

    The act is suggested again when the facts behind it change. Raises NotFound, LeadIsLocked, LeadIsRestricted,
    NotSuggested.
    """
    lead = lock_editable_lead(session, actor, lead_id)
    found = _suggest(session, actor, lead)
    if found.act != act or found.act in UNANSWERABLE:
        raise NotSuggested
    answer = NextActionAnswer(id=new_id(), clinic_id=lead.clinic_id, lead_id=lead.id, act=act)
    answer.facts_key, answer.is_accepted, answer.reason = found.facts_key, is_accepted, reason
    answer.answered_at, answer.answered_by = now(), actor.user_id
    session.add(answer)
    session.flush()
    return _shown(_suggest(session, actor, lead))


def _suggest(session: Session, actor: Actor, lead: Any) -> Suggestion:
    """Return the first candidate that was not answered with the same facts."""
    wanted = select(NextActionAnswer.act, NextActionAnswer.facts_key).where(NextActionAnswer.lead_id == lead.id)
    answered = {(row.act, row.facts_key) for row in session.execute(wanted)}
    known = _situation(session, actor, lead)
    return next(one for one in candidates(known) if (one.act, one.facts_key) not in answered)


def _situation(session: Session, actor: Actor, lead: Any) -> Situation:
    due = select(Task.title, Task.due_at).where(Task.lead_id == lead.id, Task.status.in_(OPEN_TASKS))
    task = session.execute(due.where(Task.deleted_at.is_(None)).order_by(Task.due_at).limit(1)).one_or_none()
    pending = select(Step.kind, Step.due_at).where(Step.lead_id == lead.id, Step.state.in_(PENDING))
    step = session.execute(pending.where(Step.kind.in_(ACTING)).order_by(Step.due_at).limit(1)).one_or_none()
    return Situation(
        lead,
        now(),
        actor.clinic.calendar,
        _last_outbound(session, lead.id),
        task.title if task else None,
        task.due_at if task else None,
        step.kind if step else None,
        step.due_at if step else None,
    )


def _last_outbound(session: Session, lead_id: UUID) -> datetime | None:
    """Return when the clinic last called or wrote: by hand, or by a message that was sent."""
    by_hand = select(func.max(Activity.occurred_at)).where(Activity.lead_id == lead_id)
    sent = select(func.max(Notification.sent_at)).where(
        Notification.lead_id == lead_id, Notification.user_id.is_(None), Notification.state == NotificationState.SENT
    )
    times = [session.scalar(by_hand.where(Activity.direction == Direction.OUTBOUND)), session.scalar(sent)]
    return max((at for at in times if at), default=None)


def _shown(found: Suggestion) -> JsonDict:
    facts = [{"field": name, "value": _plain(value)} for name, value in found.facts.items()]
    return {"act": found.act, "reason": found.reason, "facts": facts}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
