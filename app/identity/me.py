"""Description of the caller, for `GET /api/me`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.identity.models import User


def describe(session: Session, actor: Actor) -> JsonDict:
    """Return the caller, their clinic and their permissions, in the shape of `MeOut`."""
    mine = select(User.email).where(User.id == actor.user_id)
    clinic = actor.clinic
    return {
        "id": actor.user_id,
        "name": actor.name,
        "email": session.scalar(mine) if actor.user_id else None,
        "role": actor.role,
        "permissions": sorted(actor.permissions),
        "scopes": actor.permissions,
        "team_id": actor.team_id,
        "api_key_id": actor.api_key_id,
        "clinic": {
            "id": clinic.id,
            "name": clinic.name,
            "timezone": clinic.calendar.zone.key,
            "region": clinic.region,
            "language": clinic.language,
        },
    }
