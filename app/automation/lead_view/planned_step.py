"""Changes of one planned step by a user: cancel it, or give it another due time. The caller locks the lead's row."""

from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import to_json
from app.core.live_events.changes import note_leads
from app.core.live_events.entries import LiveKind
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.models import PENDING, Reason, Step, StepState
from app.engine.service import horizon, wake_ups_of
from app.engine.steps.cancel import steps_cancelled
from app.engine.steps.moves import moves_by_hand
from app.engine.steps.publish import after_commit
from app.errors import Conflict, NotFound

USER: Final = "user_id"  # in `outcome` and in a move: the user who cancelled or moved the step

_CANCEL: Final = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now, outcome = CAST(:outcome AS jsonb)"
    " WHERE id = :id RETURNING kind, params, reason"
)
_MOVE: Final = text(
    "UPDATE steps SET due_at = :due, moves = CAST(:moves AS jsonb), reason = :reason,"
    " state = CASE WHEN :due <= CAST(:soon AS timestamptz) THEN 'published' ELSE 'planned' END,"
    " published_at = CASE WHEN :due <= CAST(:soon AS timestamptz) THEN CAST(:now AS timestamptz) END"
    " WHERE id = :id RETURNING id, clinic_id, lead_id, kind, name, due_at"
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


def move_by_hand(session: Session, step: Step, due_at: datetime, user: JsonObject) -> None:
    """Give a pending step another due time, and publish it if that is soon. Its guard is checked when it is due."""
    now = clock.now()
    moves: list[JsonDict] = moves_by_hand(cast("Any", step.moves), step.due_at, due_at, user)
    given = {"id": step.id, "due": due_at, "moves": to_json(moves), "now": now, "soon": horizon(now)}
    rows = session.execute(_MOVE, {**given, "reason": Reason.BY_HAND}).all()
    note_leads(session, step.clinic_id, LiveKind.STEP_CHANGED, [step.lead_id])
    if due_at <= horizon(now):
        after_commit(session, wake_ups_of(rows))
