"""Who may do what, and with whose leads: the permissions every route names one of, and what each role holds."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from app.identity.models import Role


class Permission(StrEnum):
    LEAD_READ = "lead:read"
    LEAD_CREATE = "lead:create"
    LEAD_IMPORT = "lead:import"  # files of leads, and what stands in them, whoever gets those leads
    LEAD_UPDATE = "lead:update"
    LEAD_ASSIGN = "lead:assign"
    LEAD_CONVERT = "lead:convert"
    LEAD_PRIVATE = "lead:private"  # of the leads one sees: date of birth, insurance, notes on health
    LEAD_CONFIGURE = "lead:configure"  # sources and stages
    LEAD_ANALYTICS = "lead:analytics"
    NOTIFICATION_MANAGE = "notification:manage"
    AUTOMATION_READ = "automation:read"  # rules and templates, and how they do
    AUTOMATION_MANAGE = "automation:manage"
    PRIVACY_MANAGE = "privacy:manage"  # to export, erase and restrict what is known of a person
    AUDIT_READ = "audit:read"
    USER_MANAGE = "user:manage"  # users, teams, roles and API keys


class Scope(StrEnum):
    """Whose leads, and the tasks of which leads, a permission is good for; from the widest to the narrowest."""

    ALL = "all"
    TEAM = "team"  # those assigned to somebody of the holder's team
    ASSIGNED = "assigned"  # those assigned to the holder


Grants: TypeAlias = Mapping[Permission, Scope]

# The others are about the clinic, not about a lead: they are held for all of it or not at all.
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


ALL_PERMISSIONS: Final = _grants(*Permission)

_DESK = (Permission.LEAD_READ, Permission.LEAD_CREATE, Permission.LEAD_UPDATE, Permission.LEAD_PRIVATE)
_COORDINATOR = (*_DESK, Permission.LEAD_ASSIGN, Permission.LEAD_CONVERT)

# lead-management.md, "Access Control", and the user stories for what it leaves open; the last three are
# simplepro's ("Role-Based Access Control"): a dispatcher sees all and gives it out, sales what is assigned to them.
ROLE_GRANTS: Final[Mapping[Role, Grants]] = MappingProxyType(
    {
        Role.FRONT_DESK: _grants(*_DESK, Permission.LEAD_IMPORT),
        Role.TREATMENT_COORDINATOR: _grants(*_COORDINATOR, Permission.LEAD_IMPORT),
        Role.CLINIC_ADMIN: ALL_PERMISSIONS,
        Role.DOCTOR: _grants(Permission.LEAD_READ, Permission.LEAD_PRIVATE, Permission.LEAD_ANALYTICS),
        Role.MARKETING_MANAGER: _grants(
            Permission.LEAD_READ, Permission.LEAD_CONFIGURE, Permission.LEAD_ANALYTICS, Permission.AUTOMATION_READ
        ),
        Role.MANAGER: _grants(*_COORDINATOR, Permission.LEAD_ANALYTICS, Permission.AUTOMATION_READ, scope=Scope.TEAM),
        Role.DISPATCHER: _grants(
            Permission.LEAD_READ, Permission.LEAD_CREATE, Permission.LEAD_ASSIGN, Permission.AUTOMATION_READ
        ),
        Role.SALES: _grants(*_DESK, Permission.LEAD_CONVERT, scope=Scope.ASSIGNED),
    }
)

_ORDER: Final = list(Scope)


def covers(held: Grants, wanted: Grants) -> bool:
    """Whether who holds `held` may hand out `wanted`: each permission of it, for as many leads."""
    return all(one in held and _ORDER.index(held[one]) <= _ORDER.index(scope) for one, scope in wanted.items())
