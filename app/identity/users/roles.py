"""What a role may do: those that every clinic has, and a clinic's own."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Invalid
from app.identity.models import CustomRole, Role
from app.identity.permissions import ROLE_GRANTS, Grants, Permission, Scope

TAKES_LEADS: Final = (Role.TREATMENT_COORDINATOR, Role.SALES)  # by turns, where no rule says who

_BUILT_IN: Final[Mapping[str, Grants]] = {role.value: grants for role, grants in ROLE_GRANTS.items()}


def grants_of(session: Session, clinic_id: UUID, role: str) -> Grants:
    """The role's grants as they are now; none for a role that the clinic has not."""
    if role in _BUILT_IN:
        return _BUILT_IN[role]
    own = select(CustomRole.grants).where(CustomRole.clinic_id == clinic_id, CustomRole.slug == role)
    return read_grants(session.scalar(own) or {})


def in_sql(*roles: Role) -> str:
    """For `role IN ...`, spelled out: `('sales', 'clinic_admin')`."""
    return f"({', '.join(repr(role.value) for role in roles)})"


def require_role(session: Session, clinic_id: UUID, role: str) -> None:
    """Raises Invalid where the clinic has no such role."""
    if role in _BUILT_IN:
        return
    own = select(CustomRole.id).where(CustomRole.clinic_id == clinic_id, CustomRole.slug == role)
    if session.scalar(own) is None:
        raise Invalid.at("/role", "Not a role of your clinic.")


def read_grants(kept: Mapping[str, str]) -> Grants:
    """From a role's row: permissions that there no longer are, are held by nobody."""
    return {Permission(name): Scope(scope) for name, scope in kept.items() if name in set(Permission)}
