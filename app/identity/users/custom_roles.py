"""The roles of a clinic: those that every clinic has, and its own."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import Seen, require_seen
from app.errors import Forbidden, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.models import CustomRole, Role, User
from app.identity.permissions import ROLE_GRANTS, SCOPED, Grants, Permission, Scope, covers
from app.identity.users.errors import NameTaken, StillInUse
from app.identity.users.management_checks import require_somebody_who_manages, take_turns
from app.identity.users.roles import read_grants

_SEES_EVERYTHING: Final[Grants] = {Permission.LEAD_READ: Scope.ALL, Permission.LEAD_PRIVATE: Scope.ALL}
_IMPORTS_SHOW_ALL: Final = "What an import shows is of all leads: it needs lead:read for all, and lead:private."


def list_roles(session: Session, actor: Actor) -> list[dict[str, Any]]:
    """Every role that somebody of the clinic can have; those of every clinic first."""
    own = select(CustomRole).where(CustomRole.clinic_id == actor.clinic.id).order_by(CustomRole.slug)
    everybodys = [{"slug": role.value, "name": _words(role), "grants": grants} for role, grants in ROLE_GRANTS.items()]
    return everybodys + [_shown(role) for role in session.scalars(own)]


def create_role(session: Session, actor: Actor, data: Mapping[str, Any]) -> dict[str, Any]:
    """A role of the clinic's own. Raises Invalid, Forbidden, NameTaken."""
    grants = _checked(actor, data["grants"])
    if data["slug"] in set(Role):
        raise NameTaken
    at = now()
    role = CustomRole(
        id=new_id(),
        clinic_id=actor.clinic.id,
        slug=data["slug"],
        name=data["name"],
        grants=grants,
        created_at=at,
        updated_at=at,
        version=1,
    )
    session.add(role)
    try:
        session.flush()
    except IntegrityError as clash:
        raise NameTaken from clash
    return _shown(role)


def update_role(
    session: Session, actor: Actor, role_id: UUID, data: Mapping[str, Any], *, seen: Seen = None
) -> dict[str, Any]:
    """Give the role this name and these grants; who has it may do so from the next call on.

    Raises NotFound, ChangedMeanwhile, Invalid, Forbidden, NobodyElse.
    """
    take_turns(session, actor.clinic.id)
    role = _lock(session, actor, role_id)
    require_seen(role, seen)
    _checked(actor, read_grants(role.grants))
    role.name, role.grants = data["name"], _checked(actor, data["grants"])
    role.updated_at = now()
    role.version += 1
    require_somebody_who_manages(session, actor)
    return _shown(role)


def delete_role(session: Session, actor: Actor, role_id: UUID, *, seen: Seen = None) -> None:
    """There is no such role any more. Raises NotFound, ChangedMeanwhile, StillInUse."""
    role = _lock(session, actor, role_id)
    require_seen(role, seen)
    if session.scalar(select(User.id).where(User.clinic_id == role.clinic_id, User.role == role.slug).limit(1)):
        raise StillInUse
    session.delete(role)


def _lock(session: Session, actor: Actor, role_id: UUID) -> CustomRole:
    of_clinic = select(CustomRole).where(CustomRole.id == role_id, CustomRole.clinic_id == actor.clinic.id)
    role = session.scalars(of_clinic.with_for_update()).one_or_none()
    if role is None:
        raise NotFound
    return role


def _checked(actor: Actor, grants: Grants) -> dict[str, Any]:
    """The grants as they are kept. Nobody makes a role that may do more than they. Raises Invalid, Forbidden."""
    for permission, scope in grants.items():
        if permission not in SCOPED and scope is not Scope.ALL:
            raise Invalid.at(f"/grants/{permission}", "Is held for the whole clinic: its scope is `all`.")
    if Permission.LEAD_IMPORT in grants and not covers(grants, _SEES_EVERYTHING):
        raise Invalid.at(f"/grants/{Permission.LEAD_IMPORT}", _IMPORTS_SHOW_ALL)
    if not covers(actor.permissions, grants):
        raise Forbidden("The role would be able to do more than you.")
    return {permission.value: scope.value for permission, scope in grants.items()}


def _shown(role: CustomRole) -> dict[str, Any]:
    columns = ("id", "slug", "name", "grants", "version")
    return {name: getattr(role, name) for name in columns}


def _words(slug: str) -> str:
    return slug.replace("_", " ").capitalize()
