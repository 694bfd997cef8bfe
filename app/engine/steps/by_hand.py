"""Another due time for a pending step, chosen by a user. The caller locks the step."""

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import to_json
from app.core.live_events.changes import note_leads
from app.core.live_events.entries import LiveKind
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.models import Reason, Step
from app.engine.steps.moves import moves_by_hand
from app.engine.steps.publish import after_commit, horizon, wake_ups_of

_IS_WANTED_NOW: Final = "is_wanted_now"  # key in the outcome of a pending step, until it runs
_MOVE: Final = text(
    "UPDATE steps SET due_at = :due, moves = CAST(:moves AS jsonb), reason = :reason, waits_for = NULL,"
    " state = CASE WHEN :due <= CAST(:soon AS timestamptz) THEN 'published' ELSE 'planned' END,"
    " published_at = CASE WHEN :due <= CAST(:soon AS timestamptz) THEN CAST(:now AS timestamptz) END,"
    " outcome = CASE WHEN :due <= CAST(:now AS timestamptz) THEN"
    " coalesce(outcome, '{}') || jsonb_build_object(CAST(:wanted AS text), true) ELSE outcome END"
    " WHERE id = :id RETURNING id, clinic_id, lead_id, kind, name, due_at"
)


def move_by_hand(session: Session, step: Step, due_at: datetime, user: JsonObject) -> None:
    """Give a pending step another due time, and publish it if that is soon. Its guard is checked when it is due.

    It waits for nothing else any more. `user` holds the id of the user, for the moves.
    """
    now = clock.now()
    moves: list[JsonDict] = moves_by_hand(cast("Any", step.moves), step.due_at, due_at, user)
    given = {"id": step.id, "due": due_at, "moves": to_json(moves), "now": now, "soon": horizon(now)}
    rows = session.execute(_MOVE, {**given, "reason": Reason.BY_HAND, "wanted": _IS_WANTED_NOW}).all()
    if step.lead_id is not None:
        note_leads(session, step.clinic_id, LiveKind.STEP_CHANGED, [step.lead_id])
    if due_at <= horizon(now):
        after_commit(session, wake_ups_of(rows))


def is_wanted_now(outcome: JsonObject | None) -> bool:
    """Return whether a user asked for a step to run at once; `outcome` is that of the pending step."""
    return bool(outcome and outcome.get(_IS_WANTED_NOW))
