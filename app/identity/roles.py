"""Grants of roles, both built-in and custom."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Invalid
from app.identity.models import CustomRole, Role
from app.identity.permissions import ROLE_GRANTS, Grants, Permission, Scope

LEAD_OWNER_ROLES: Final = (Role.TREATMENT_COORDINATOR, Role.SALES)  # rotation, where no assignment rule matches

WORKING_ROLES: Final = tuple(role for role, grants in ROLE_GRANTS.items() if Permission.LEAD_UPDATE in grants)

_BUILT_IN: Final[Mapping[str, Grants]] = {role.value: grants for role, grants in ROLE_GRANTS.items()}


def grants_of(session: Session, clinic_id: UUID, role: str) -> Grants:
    """Return the current grants of a role; none for an unknown role."""
    if role in _BUILT_IN:
        return _BUILT_IN[role]
    own = select(CustomRole.grants).where(CustomRole.clinic_id == clinic_id, CustomRole.slug == role)
    return read_grants(session.scalar(own) or {})


def roles_in_sql(*roles: Role) -> str:
    """Return SQL for `role IN ...`: `('sales', 'clinic_admin')`."""
    return f"({', '.join(repr(role.value) for role in roles)})"


def may_work_sql(user: str) -> str:
    """Return SQL for whether the row `user` of `users` may work on leads: leads and tasks are assigned to no others."""
    permission = Permission.LEAD_UPDATE.replace(":", r"\:")  # a colon begins a parameter
    custom = (
        f"SELECT 1 FROM roles WHERE roles.clinic_id = {user}.clinic_id AND roles.slug = {user}.role"  # noqa: S608  (constants)
        f" AND jsonb_exists(roles.grants, '{permission}')"
    )
    return f"({user}.role IN {roles_in_sql(*WORKING_ROLES)} OR EXISTS ({custom}))"


def require_role(session: Session, clinic_id: UUID, role: str) -> None:
    """Check that the clinic has this role. Raises Invalid."""
    if role in _BUILT_IN:
        return
    own = select(CustomRole.id).where(CustomRole.clinic_id == clinic_id, CustomRole.slug == role)
    if session.scalar(own) is None:
        raise Invalid.at("/role", "Not a role of your clinic.")


def read_grants(stored: Mapping[str, str]) -> Grants:
    """Parse the stored grants of a role. Permissions that no longer exist are left out."""
    return {Permission(name): Scope(scope) for name, scope in stored.items() if name in set(Permission)}
