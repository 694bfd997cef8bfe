"""Hand over all open leads and tasks of a user on request."""

from uuid import UUID

from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.users.lookup import users_by_id
from app.leads.assignment.models import AssignmentReason
from app.tasks.workload.handover import check_assignees, hand_over


def reassign(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Hand over as `data` (as ReassignIn reads it) says. Return the totals and the shares per user. Raises Invalid."""
    user_id = data["from_id"]
    _require_user(session, actor, user_id)
    done = hand_over(
        session, actor, user_id, to=data.get("to_ids"), reason=data["reason"], why=AssignmentReason.REASSIGNED
    )
    assignees = sorted(done.leads.keys() | done.tasks.keys())
    return {
        "leads": done.leads.total(),
        "tasks": done.tasks.total(),
        "left": done.left,
        "shares": [{"user_id": who, "leads": done.leads[who], "tasks": done.tasks[who]} for who in assignees],
    }


def check_reassignment(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the users that the body names. Raises Invalid with every error."""
    check_all(
        lambda: _require_user(session, actor, data["from_id"]),
        lambda: check_assignees(session, actor, data.get("to_ids"), user_id=data["from_id"]),
    )


def check_departure(session: Session, actor: Actor, data: JsonObject, /, *, user_id: UUID) -> None:
    """Check the users who get the leads and tasks of a deactivated one. Raises Invalid with every error."""
    check_assignees(session, actor, data.get("to_ids"), user_id=user_id)


def _require_user(session: Session, actor: Actor, user_id: UUID) -> None:
    if user_id not in users_by_id(session, actor.clinic.id, [user_id]):
        raise Invalid.at("/from_id", "Must be a user of your clinic.")
