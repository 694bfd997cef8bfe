"""Who may do what: the permissions every route names one of, and what each role holds."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from app.identity.models import Role


class Permission(StrEnum):
    LEAD_READ = "lead:read"
    LEAD_CREATE = "lead:create"
    LEAD_UPDATE = "lead:update"
    LEAD_ASSIGN = "lead:assign"
    LEAD_CONVERT = "lead:convert"
    LEAD_CONFIGURE = "lead:configure"  # sources and stages
    LEAD_ANALYTICS = "lead:analytics"
    NOTIFICATION_MANAGE = "notification:manage"
    AUTOMATION_MANAGE = "automation:manage"
    USER_MANAGE = "user:manage"  # users and API keys


ALL_PERMISSIONS = frozenset(Permission)

_FRONT_DESK = frozenset({Permission.LEAD_READ, Permission.LEAD_CREATE, Permission.LEAD_UPDATE})

# lead-management.md, "Access Control", and the user stories for what it leaves open.
ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.FRONT_DESK: _FRONT_DESK,
        Role.TREATMENT_COORDINATOR: _FRONT_DESK | {Permission.LEAD_ASSIGN, Permission.LEAD_CONVERT},
        Role.CLINIC_ADMIN: ALL_PERMISSIONS,
        Role.DOCTOR: frozenset({Permission.LEAD_READ, Permission.LEAD_ANALYTICS}),
        Role.MARKETING_MANAGER: frozenset(
            {
                Permission.LEAD_READ,
                Permission.LEAD_CONFIGURE,
                Permission.LEAD_ANALYTICS,
            }
        ),
    }
)
