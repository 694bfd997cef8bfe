"""Checks for user management: a clinic keeps at least one user manager, and users grant only permissions they hold."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Forbidden
from app.identity.actor import Actor
from app.identity.models import Clinic, User
from app.identity.permissions import Permission, covers
from app.identity.roles import grants_of, require_role
from app.identity.users.errors import NobodyElse


def lock_clinic(session: Session, clinic_id: UUID) -> None:
    """Serialize user management of a clinic until the commit, so that two managers cannot demote each other at once."""
    session.execute(select(Clinic.id).where(Clinic.id == clinic_id).with_for_update(key_share=True))


def require_user_manager(session: Session, actor: Actor) -> None:
    """Check that an active user with a password can manage users. Raises NobodyElse."""
    session.flush()
    signs_in = (User.clinic_id == actor.clinic.id, User.is_active, User.password_hash.is_not(None))
    roles = session.scalars(select(User.role).where(*signs_in).distinct())
    if not any(Permission.USER_MANAGE in grants_of(session, actor.clinic.id, role) for role in roles):
        raise NobodyElse


def require_may_grant(session: Session, actor: Actor, role: str) -> None:
    """Check that the actor holds every permission of the role. Raises Invalid (unknown role), Forbidden."""
    require_role(session, actor.clinic.id, role)
    if not covers(actor.permissions, grants_of(session, actor.clinic.id, role)):
        raise Forbidden(f"The role {role} has permissions that you do not have.")
