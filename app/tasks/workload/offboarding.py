"""Offboarding: deactivate a user's account and hand over their work in one transaction."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from app.identity.actor import Actor
from app.identity.models import User
from app.identity.users import users
from app.tasks.workload.handover import hand_over


def deactivate_and_hand_over(
    session: Session, actor: Actor, user_id: UUID, *, to: Sequence[UUID] | None, reason: str | None
) -> User:
    """Deactivate a user, and hand over their open leads and tasks to the users in `to`, else by assignment rules.

    Raises NotFound, Forbidden, NotYourself, NobodyElse, and Invalid at `/to_ids/0` and so on.
    """
    user = users.deactivate(session, actor, user_id)
    hand_over(session, actor, user_id, to=to, reason=reason)
    return user
