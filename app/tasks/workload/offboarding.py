"""Somebody leaves the clinic: their account is closed, and what they had goes to others, in one transaction."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from app.identity.actor import Actor
from app.identity.models import User
from app.identity.users import users
from app.tasks.workload.handover import hand_over


def let_go(session: Session, actor: Actor, user_id: UUID, *, to: Sequence[UUID] | None, reason: str | None) -> User:
    """Close the account of a user, and give their open leads and tasks to those in `to`, else by the clinic's rules.

    Raises NotFound, Forbidden, NotYourself, NobodyElse, and Invalid at `/to_ids/0` and so on.
    """
    user = users.deactivate(session, actor, user_id)
    hand_over(session, actor, user_id, to=to, reason=reason)
    return user
