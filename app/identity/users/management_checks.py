"""Who may let people in: somebody always can, and nobody gives what they have not."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Forbidden
from app.identity.actor import Actor
from app.identity.models import Clinic, User
from app.identity.permissions import Permission, covers
from app.identity.users.errors import NobodyElse
from app.identity.users.roles import grants_of, require_role


def take_turns(session: Session, clinic_id: UUID) -> None:
    """Until the commit nobody else changes who works for the clinic: of two who demote each other, one is too late."""
    session.execute(select(Clinic.id).where(Clinic.id == clinic_id).with_for_update(key_share=True))


def require_somebody_who_manages(session: Session, actor: Actor) -> None:
    """A clinic in which nobody may let anybody in would be lost. Raises NobodyElse."""
    session.flush()
    signs_in = (User.clinic_id == actor.clinic.id, User.is_active, User.password_hash.is_not(None))
    roles = session.scalars(select(User.role).where(*signs_in).distinct())
    if not any(Permission.USER_MANAGE in grants_of(session, actor.clinic.id, role) for role in roles):
        raise NobodyElse


def require_may_give(session: Session, actor: Actor, role: str) -> None:
    """Nobody hands out, or takes away, more than they hold. Raises Invalid, Forbidden."""
    require_role(session, actor.clinic.id, role)
    if not covers(actor.permissions, grants_of(session, actor.clinic.id, role)):
        raise Forbidden(f"The role {role} may do more than you.")
