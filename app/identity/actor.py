"""Who acts: a person who signed in, a program with an API key, or the automation itself."""

from dataclasses import dataclass, replace
from typing import Self
from uuid import UUID

from app.identity.clinic_context import ClinicContext
from app.identity.permissions import ALL_PERMISSIONS, Grants, Permission, Scope


@dataclass(frozen=True, slots=True)
class Actor:
    """Everything a service may ask about its caller.

    `user_id` and `role` are None for programs. `scope` is that of the permission the call needs; a program's leads
    are those of the person who made its key, `maker_id`.
    """

    clinic: ClinicContext
    user_id: UUID | None
    name: str
    role: str | None
    permissions: Grants
    api_key_id: UUID | None = None
    sign_in_id: UUID | None = None
    team_id: UUID | None = None
    maker_id: UUID | None = None
    scope: Scope = Scope.ALL

    @classmethod
    def system(cls, clinic: ClinicContext) -> Self:
        """The automation, acting for this clinic: nothing is forbidden to it."""
        return cls(clinic, None, "Relance", None, ALL_PERMISSIONS)

    def allows(self, permission: Permission) -> bool:
        """Whether the actor holds this permission."""
        return permission in self.permissions

    def within(self, permission: Permission) -> Self:
        """The actor as far as this permission goes: for a part of a call that does more than its route names."""
        return replace(self, scope=self.permissions.get(permission, Scope.ASSIGNED))

    @property
    def stands_for(self) -> UUID | None:
        """Whose leads count as the actor's own."""
        return self.user_id or self.maker_id
