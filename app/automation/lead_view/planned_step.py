"""One planned step that a user changes: lock it, check it, cancel it. The caller locks the lead's row."""

from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import to_json
from app.core.live_events.changes import note_leads
from app.core.live_events.entries import LiveKind
from app.core.type_aliases import JsonObject
from app.engine.models import PENDING, Reason, Step, StepState
from app.engine.steps.cancel import steps_cancelled
from app.errors import Conflict, NotFound

USER: Final = "user_id"  # in `outcome` and in a move: the user who cancelled or moved the step

_CANCEL: Final = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now, outcome = CAST(:outcome AS jsonb)"
    " WHERE id = :id RETURNING kind, params, reason"
)
_NAME_USER: Final = text("UPDATE steps SET outcome = CAST(:outcome AS jsonb) WHERE id = :id")


class StepIsOver(Conflict):
    """Only a planned step can be cancelled, moved or run now."""


def lock_step(session: Session, clinic_id: UUID, lead_id: UUID, step_id: UUID) -> Step:
    """Return a step of the lead, locked. Raises NotFound."""
    mine = select(Step).where(Step.id == step_id, Step.lead_id == lead_id, Step.clinic_id == clinic_id)
    step = session.scalars(mine.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if step is None:
        raise NotFound
    return step


def require_pending(step: Step) -> None:
    """Check that the step is still to run. Raises StepIsOver, with its state."""
    if step.state not in PENDING:
        raise StepIsOver(f"It is {step.state}. {StepIsOver.title()}")


def was_cancelled_by_hand(step: Step) -> bool:
    """Whether a user cancelled the step, or skipped it in its sequence."""
    return step.state in (StepState.CANCELLED, StepState.SKIPPED) and step.reason == Reason.BY_HAND


def cancel_by_hand(session: Session, step: Step, user: JsonObject) -> None:
    """Cancel a pending step. The message of a cancelled delivery is suppressed."""
    given = {"id": step.id, "reason": Reason.BY_HAND, "now": clock.now(), "outcome": to_json(user)}
    steps_cancelled(session, session.execute(_CANCEL, given).all())
    note_leads(session, step.clinic_id, LiveKind.STEP_CHANGED, [step.lead_id])


def name_user(session: Session, step: Step, user: JsonObject) -> None:
    """Store who skipped the step in its sequence."""
    session.execute(_NAME_USER, {"id": step.id, "outcome": to_json(user)})
    note_leads(session, step.clinic_id, LiveKind.STEP_CHANGED, [step.lead_id])
