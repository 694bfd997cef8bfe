"""Actor: the user, API key or automation that performs an operation."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self
from uuid import UUID

from app.errors import Forbidden
from app.identity.clinic_context import ClinicContext
from app.identity.permissions import ALL_PERMISSIONS, Grants, Permission, Scope


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller of a service function.

    `user_id` and `role` are None for API keys. `scope` is the scope of the permission that the call needs. `maker_id`
    is the user who created the API key; leads of that user count as the key's own. `access_until` is the end of the
    emergency access of a user, or of an API key.
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
    access_until: datetime | None = None

    @classmethod
    def system(cls, clinic: ClinicContext) -> Self:
        """Return the actor of the automation in this clinic. It has all permissions."""
        return cls(clinic, None, "Relance", None, ALL_PERMISSIONS)

    def allows(self, permission: Permission) -> bool:
        """Whether the actor holds this permission."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Check that the actor holds this permission. Raises Forbidden."""
        if not self.allows(permission):
            raise Forbidden(f"This needs the permission {permission}.")

    def within(self, permission: Permission) -> Self:
        """Return the actor with the scope of this permission, for a part of a call that needs another permission."""
        return replace(self, scope=self.permissions.get(permission, Scope.ASSIGNED))

    @property
    def stands_for(self) -> UUID | None:
        """Return the user id for ownership of leads: the user, or the creator of the API key."""
        return self.user_id or self.maker_id
