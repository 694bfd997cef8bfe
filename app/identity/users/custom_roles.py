"""Roles of a clinic: list all, and create, edit and delete custom ones."""

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.live_events.changes import close_streams
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import FieldError, Forbidden, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.models import CustomRole, Role, User
from app.identity.permissions import ROLE_GRANTS, SCOPED, Grants, Permission, Scope, covers
from app.identity.roles import read_grants
from app.identity.users.errors import NameTaken, StillInUse
from app.identity.users.management_checks import lock_clinic, require_user_manager

_SEES_EVERYTHING: Final[Grants] = {Permission.LEAD_READ: Scope.ALL, Permission.LEAD_PRIVATE: Scope.ALL}
_FOR_THE_CLINIC: Final = "Applies to the whole clinic: the scope must be `all`."
_IMPORTS_SHOW_ALL: Final = "Imports show all leads: this permission needs lead:read with scope all, and lead:private."


def list_roles(session: Session, actor: Actor) -> list[JsonDict]:
    """Return all roles of the clinic, built-in ones first.

    Each is `{"slug", "name", "grants"}`; custom roles also have `id` and `version`.
    """
    own = select(CustomRole).where(CustomRole.clinic_id == actor.clinic.id).order_by(CustomRole.slug)
    built_in = [{"slug": role.value, "name": _title(role), "grants": grants} for role, grants in ROLE_GRANTS.items()]
    return built_in + [_to_dict(role) for role in session.scalars(own)]


def read_role(session: Session, actor: Actor, role_id: UUID) -> JsonDict:
    """Return one custom role of the clinic, as `list_roles` does. Raises NotFound."""
    return _to_dict(_find(session, actor, role_id))


def create_role(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Create a custom role. `data` has `slug`, `name` and `grants`. Raises Invalid, Forbidden, NameTaken."""
    grants = _validated(actor, data["grants"])
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
    return _to_dict(role)


def update_role(
    session: Session, actor: Actor, role_id: UUID, data: JsonObject, *, seen: SeenVersions = None
) -> JsonDict:
    """Replace name and grants of a custom role. They take effect with the next call of its users.

    Raises NotFound, ChangedMeanwhile, Invalid, Forbidden, NobodyElse.
    """
    lock_clinic(session, actor.clinic.id)
    role = _find(session, actor, role_id, lock=True)
    require_version(role, seen)
    _validated(actor, read_grants(role.grants))
    role.name, role.grants = data["name"], _validated(actor, data["grants"])
    role.updated_at = now()
    role.version += 1
    close_streams(session, clinic_id=role.clinic_id)  # also those of API keys that users with this role created
    require_user_manager(session, actor)
    return _to_dict(role)


def delete_role(session: Session, actor: Actor, role_id: UUID, *, seen: SeenVersions = None) -> None:
    """Delete a custom role that no user has. Raises NotFound, ChangedMeanwhile, Forbidden, StillInUse."""
    role = _find(session, actor, role_id, lock=True)
    require_version(role, seen)
    if not covers(actor.permissions, read_grants(role.grants)):
        raise Forbidden("The role has permissions that you do not have.")
    if session.scalar(select(User.id).where(User.clinic_id == role.clinic_id, User.role == role.slug).limit(1)):
        raise StillInUse
    session.delete(role)


def check_role(_: Session, __: Actor, data: JsonObject, /, **___: object) -> None:
    """Check the scopes of the grants. Raises Invalid with every error."""
    _require_valid_scopes(data["grants"])


def _find(session: Session, actor: Actor, role_id: UUID, *, lock: bool = False) -> CustomRole:
    of_clinic = select(CustomRole).where(CustomRole.id == role_id, CustomRole.clinic_id == actor.clinic.id)
    role = session.scalars(of_clinic.with_for_update() if lock else of_clinic).one_or_none()
    if role is None:
        raise NotFound
    return role


def _validated(actor: Actor, grants: Grants) -> JsonDict:
    """Return the grants for storage. Raises Invalid, and Forbidden if the actor does not hold all of them."""
    _require_valid_scopes(grants)
    if not covers(actor.permissions, grants):
        raise Forbidden("The role would have permissions that you do not have.")
    return {permission.value: scope.value for permission, scope in grants.items()}


def _require_valid_scopes(grants: Grants) -> None:
    limited = [name for name, scope in grants.items() if name not in SCOPED and scope is not Scope.ALL]
    errors = [FieldError(f"/grants/{name}", _FOR_THE_CLINIC) for name in limited]
    if Permission.LEAD_IMPORT in grants and not covers(grants, _SEES_EVERYTHING):
        errors.append(FieldError(f"/grants/{Permission.LEAD_IMPORT}", _IMPORTS_SHOW_ALL))
    if errors:
        raise Invalid(*errors)


def _to_dict(role: CustomRole) -> JsonDict:
    columns = ("id", "slug", "name", "grants", "version")
    return {name: getattr(role, name) for name in columns}


def _title(slug: str) -> str:
    return slug.replace("_", " ").capitalize()
