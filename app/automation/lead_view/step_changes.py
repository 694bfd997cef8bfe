"""Acts of a user on one planned step of a lead: cancel it, run it now, snooze it. The caller commits."""

from typing import cast
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.automation.lead_view.planned_step import (
    USER,
    cancel_by_hand,
    lock_step,
    name_user,
    require_pending,
    was_cancelled_by_hand,
)
from app.automation.lead_view.steps import step_of
from app.automation.sequences.enrollments.advance import skip_step
from app.automation.sequences.enrollments.transitions import lock_enrollments
from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.models import Reason, Step
from app.engine.plan.follow_up_steps import FinishedStep, next_repetition
from app.engine.service import add_steps, planned_row
from app.engine.steps.by_hand import move_by_hand
from app.identity.actor import Actor
from app.leads.search.lookup import get_lead
from app.tasks.lifecycle.edit import snoozed_until


def cancel_step(session: Session, actor: Actor, lead_id: UUID, step_id: UUID) -> JsonDict:
    """Cancel a planned step. A step of a sequence is skipped instead, and the sequence continues. Idempotent.

    The next repetition of a recurring step is planned.

    Raises NotFound, LeadWasMerged, StepIsOver.
    """
    step = _lock(session, actor, lead_id, step_id)
    if not was_cancelled_by_hand(step):
        require_pending(step)
        if not _skip_in_sequence(session, actor, step):
            cancel_by_hand(session, step, _user(actor))
            _plan_repetition(session, actor, step)
        _note(session, step, {"step_cancelled": str(step.id)})
    return _shown(session, actor, step)


def run_step_now(session: Session, actor: Actor, lead_id: UUID, step_id: UUID) -> JsonDict:
    """Make a planned step due now. Its guard and the contact policy still hold. Idempotent until it has run.

    Raises NotFound, LeadWasMerged, StepIsOver.
    """
    step = _lock(session, actor, lead_id, step_id)
    require_pending(step)
    if step.due_at > now():
        move_by_hand(session, step, now(), _user(actor))
        _note(session, step, {"step_run_now": str(step.id)})
    return _shown(session, actor, step)


def snooze_step(session: Session, actor: Actor, lead_id: UUID, step_id: UUID, *, data: JsonObject) -> JsonDict:
    """Move a planned step to `until`, or `by` a duration. Raises NotFound, LeadWasMerged, StepIsOver."""
    step = _lock(session, actor, lead_id, step_id)
    require_pending(step)
    until = snoozed_until(actor, step.due_at, data)
    if step.due_at != until:
        move_by_hand(session, step, until, _user(actor))
        _note(session, step, {"step_snoozed": str(step.id), "until": until.isoformat()})
    return _shown(session, actor, step)


def _lock(session: Session, actor: Actor, lead_id: UUID, step_id: UUID) -> Step:
    """Lock the lead, then the step: the order of every process that changes the steps of a lead."""
    get_lead(session, actor, lead_id, lock=True)
    return lock_step(session, actor.clinic.id, lead_id, step_id)


def _skip_in_sequence(session: Session, actor: Actor, step: Step) -> bool:
    """Skip the step if it is the current one of an enrollment. Return whether it was."""
    if "enrollment_id" not in step.cause:
        return False
    enrollment_id = UUID(step.cause["enrollment_id"])
    row = lock_enrollments(session, [enrollment_id]).get(enrollment_id)
    if row is None or row.step_id != step.id:
        return False
    skip_step(session, row, actor.clinic.calendar, reason=Reason.BY_HAND, at=now())
    name_user(session, step, _user(actor))
    return True


def _plan_repetition(session: Session, actor: Actor, step: Step) -> None:
    if "every" in step.cause:
        following = next_repetition(cast("FinishedStep", step), now(), actor.clinic.calendar)
        add_steps(session, [planned_row(step.clinic_id, step.lead_id, following)])


def _user(actor: Actor) -> JsonDict:
    """Return who acts; an API key has no user."""
    return {USER: str(actor.user_id)} if actor.user_id else {}


def _note(session: Session, step: Step, after: JsonDict) -> None:
    audit_log.note_change(session, "lead", [step.lead_id] if step.lead_id else [], act=Act.UPDATE, after=after)


def _shown(session: Session, actor: Actor, step: Step) -> JsonDict:
    audit_log.note_read(session, "lead", [step.lead_id] if step.lead_id else [])
    return step_of(session, actor.clinic.id, step.id)
