"""Load and store whose turn it is, for steps of a batch that create tasks by rotation."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.handlers.create_task import ROTATION
from app.automation.handlers.support.context import StepContext
from app.identity.users.lookup import ActiveUser
from app.leads.assignment.choose import default_team
from app.leads.assignment.rotation import UserTurns
from app.leads.assignment.task_turns import lock_last_turn, save_turn
from workers.pipeline.claim import ClaimedStep


def load_turns(
    session: Session, rows: Iterable[ClaimedStep], people: Mapping[UUID, Mapping[UUID, ActiveUser]], *, now: datetime
) -> dict[UUID, UserTurns]:
    """Return the turns of the clinics whose steps give tasks by rotation, by clinic id. Locks them."""
    wanted = {row.clinic_id for row in rows if row.params.get("assignee") == ROTATION}
    return {
        clinic_id: UserTurns(
            list(people[clinic_id]),
            frozenset(default_team(session, clinic_id, at=now)),
            lock_last_turn(session, clinic_id),
        )
        for clinic_id in sorted(wanted)
    }


def save_turns(session: Session, contexts: Iterable[StepContext]) -> None:
    """Store the turns that the steps have taken."""
    moved = {context.clinic.id: context.turns for context in contexts if context.turns and context.turns.is_moved}
    for clinic_id, turns in moved.items():
        if turns.last:
            save_turn(session, clinic_id, turns.last)
