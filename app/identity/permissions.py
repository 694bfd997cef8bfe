"""Permissions, their scopes, and the grants of the built-in roles. Every route needs one permission."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from app.identity.models import Role


class Permission(StrEnum):
    LEAD_READ = "lead:read"
    LEAD_CREATE = "lead:create"
    LEAD_IMPORT = "lead:import"  # import files and their content, independent of lead assignment
    LEAD_UPDATE = "lead:update"
    LEAD_ASSIGN = "lead:assign"
    LEAD_CONVERT = "lead:convert"
    LEAD_PRIVATE = "lead:private"  # date of birth, insurance and health notes of the visible leads
    LEAD_EMERGENCY = "lead:emergency"  # start an emergency access to all leads, for a limited time
    LEAD_CONFIGURE = "lead:configure"  # sources and stages
    LEAD_ANALYTICS = "lead:analytics"
    NOTIFICATION_MANAGE = "notification:manage"
    AUTOMATION_READ = "automation:read"  # rules, templates and playbooks, with simulation
    AUTOMATION_MANAGE = "automation:manage"
    PRIVACY_MANAGE = "privacy:manage"  # export, erasure, restriction and legal hold of personal data
    AUDIT_READ = "audit:read"
    USER_MANAGE = "user:manage"  # users, teams, roles and API keys


class Scope(StrEnum):
    """The leads, with their tasks, to which a permission applies; from the widest to the narrowest."""

    ALL = "all"
    TEAM = "team"  # leads assigned to users of the holder's team
    ASSIGNED = "assigned"  # leads assigned to the holder


Grants: TypeAlias = Mapping[Permission, Scope]

# Permissions with a scope. All others apply to the whole clinic.
SCOPED: Final = frozenset(
    {
        Permission.LEAD_READ,
        Permission.LEAD_UPDATE,
        Permission.LEAD_ASSIGN,
        Permission.LEAD_CONVERT,
        Permission.LEAD_ANALYTICS,
    }
)


def _grants(*permissions: Permission, scope: Scope = Scope.ALL) -> Grants:
    return MappingProxyType({one: scope if one in SCOPED else Scope.ALL for one in permissions})


# Granted in addition during an emergency access: reading only, of all leads with their health data.
EMERGENCY_GRANTS: Final = _grants(Permission.LEAD_READ, Permission.LEAD_PRIVATE)

ALL_PERMISSIONS: Final = _grants(*Permission)

_DESK = (Permission.LEAD_READ, Permission.LEAD_CREATE, Permission.LEAD_UPDATE, Permission.LEAD_PRIVATE)
_COORDINATOR = (*_DESK, Permission.LEAD_ASSIGN, Permission.LEAD_CONVERT)

# Source: lead-management.md, "Access Control", and its user stories. The last three are from simplepro ("Role-Based
# Access Control"): a dispatcher sees and assigns all leads, sales sees the leads assigned to them.
ROLE_GRANTS: Final[Mapping[Role, Grants]] = MappingProxyType(
    {
        Role.FRONT_DESK: _grants(*_DESK, Permission.LEAD_IMPORT),
        Role.TREATMENT_COORDINATOR: _grants(*_COORDINATOR, Permission.LEAD_IMPORT),
        Role.CLINIC_ADMIN: ALL_PERMISSIONS,
        Role.DOCTOR: _grants(Permission.LEAD_READ, Permission.LEAD_PRIVATE, Permission.LEAD_ANALYTICS),
        Role.MARKETING_MANAGER: _grants(
            Permission.LEAD_READ, Permission.LEAD_CONFIGURE, Permission.LEAD_ANALYTICS, Permission.AUTOMATION_READ
        ),
        Role.MANAGER: _grants(
            *(*_COORDINATOR, Permission.LEAD_EMERGENCY, Permission.LEAD_ANALYTICS, Permission.AUTOMATION_READ),
            scope=Scope.TEAM,
        ),
        Role.DISPATCHER: _grants(
            *(Permission.LEAD_READ, Permission.LEAD_CREATE, Permission.LEAD_ASSIGN),
            *(Permission.LEAD_EMERGENCY, Permission.AUTOMATION_READ),
        ),
        Role.SALES: _grants(*_DESK, Permission.LEAD_CONVERT, scope=Scope.ASSIGNED),
    }
)

_ORDER: Final = list(Scope)


def covers(held: Grants, wanted: Grants) -> bool:
    """Whether `held` includes every permission of `wanted`, with at least the same scope."""
    return all(one in held and _ORDER.index(held[one]) <= _ORDER.index(scope) for one, scope in wanted.items())
