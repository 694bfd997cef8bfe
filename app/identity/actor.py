"""Who acts: a person who signed in, a program with an API key, or the automation itself."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from app.automation.clinic import ClinicContext
from app.identity.models import Role
from app.identity.permissions import ALL_PERMISSIONS, Permission


@dataclass(frozen=True, slots=True)
class Actor:
    """Everything a service may ask about its caller. `user_id` and `role` are None for programs."""

    clinic: ClinicContext
    user_id: UUID | None
    name: str
    role: Role | None
    permissions: frozenset[Permission]
    api_key_id: UUID | None = None
    sign_in_id: UUID | None = None

    @classmethod
    def system(cls, clinic: ClinicContext) -> Self:
        """The automation, acting for this clinic: nothing is forbidden to it."""
        return cls(clinic, None, "Relance", None, ALL_PERMISSIONS)

    def allows(self, permission: Permission) -> bool:
        """Whether the actor holds this permission."""
        return permission in self.permissions
