"""Act for a user without their sign-in, with the permissions that they hold now."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.models import User
from app.identity.permissions import Permission
from app.identity.roles import grants_of


def actor_of(session: Session, clinic: ClinicContext, user_id: UUID, needed: Permission) -> Actor | None:
    """Return the actor of an active user of the clinic who holds the permission, with its scope; None otherwise."""
    columns = select(User.name, User.role, User.team_id)
    found = session.execute(
        columns.where(User.id == user_id, User.clinic_id == clinic.id, User.is_active)
    ).one_or_none()
    if found is None:
        return None
    actor = Actor(clinic, user_id, found.name, found.role, grants_of(session, clinic.id, found.role))
    return replace(actor, team_id=found.team_id).within(needed) if actor.allows(needed) else None
