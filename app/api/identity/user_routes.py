"""The clinic's people, their teams and their roles."""

from typing import Any
from uuid import UUID

from app.api.identity.user_schemas import (
    Departure,
    Invitation,
    RoleChanges,
    RoleIn,
    RoleOut,
    RolesOut,
    TeamIn,
    TeamOut,
    UserChanges,
    UserOut,
    UserQuery,
)
from app.core.optimistic_locking import Seen
from app.core.pagination import Page
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.identity.users import custom_roles, teams, users
from app.tasks.workload.offboarding import let_go

people = Blueprint("users", __name__, url_prefix="/api/users", description="Who works for the clinic.")
groups = Blueprint("teams", __name__, url_prefix="/api/teams", description="Who works together.")
rights = Blueprint("roles", __name__, url_prefix="/api/roles", description="Who may do what.")
blueprints = (people, groups, rights)


@people.get("")
@allow(Permission.LEAD_READ)
@people.arguments(UserQuery)
@people.response(200, page_of(UserOut))
def list_users(query: dict[str, Any]) -> Page:
    """List the clinic's people.

    By name: whom a lead or a task can be given to.
    """
    with reading() as session:
        return users.list_users(session, actor(), query)


@people.post("")
@allow(Permission.USER_MANAGE)
@people.arguments(Invitation)
@people.response(201, UserOut)
@people.alt_response(409, "CONFLICT")
def invite_user(given: dict[str, Any]) -> Any:
    """Invite a colleague.

    They get an e-mail with a link, good for seven days, to choose a password. Nobody can give a role that may do more
    than their own.
    """
    with unit_of_work() as session:
        return users.invite(session, actor(), given)


@people.get("/<uuid:user_id>")
@allow(Permission.LEAD_READ)
@people.response(200, UserOut)
def get_user(user_id: UUID) -> Any:
    """Show one of the clinic's people."""
    with reading() as session:
        return users.get_user(session, actor(), user_id)


@people.put("/<uuid:user_id>")
@allow(Permission.USER_MANAGE)
@people.arguments(UserChanges)
@people.response(200, UserOut)
@people.alt_response(409, "CONFLICT")
@if_match
def update_user(given: dict[str, Any], user_id: UUID, seen: Seen) -> Any:
    """Edit a person.

    Another role counts from their next call on. Nobody changes their own role, and somebody who may manage users is
    always left.
    """
    with unit_of_work() as session:
        return users.update_user(session, actor(), user_id, given, seen=seen)


@people.post("/<uuid:user_id>/invite")
@allow(Permission.USER_MANAGE)
@people.response(200, UserOut)
@people.alt_response(409, "CONFLICT")
def invite_again(user_id: UUID) -> Any:
    """Send an invitation once more.

    To somebody who has not chosen a password yet.
    """
    with unit_of_work() as session:
        return users.invite_again(session, actor(), user_id)


@people.post("/<uuid:user_id>/deactivate")
@allow(Permission.USER_MANAGE)
@people.arguments(Departure, required=False)
@people.response(200, UserOut)
@people.alt_response(409, "CONFLICT")
def deactivate_user(given: dict[str, Any], user_id: UUID) -> Any:
    """Close somebody's account.

    Their sign-ins and the API keys they made end at once. Their open leads and tasks go to those named, by load;
    else as the clinic's assignment rules say.
    """
    with unit_of_work() as session:
        return let_go(session, actor(), user_id, to=given.get("to_ids"), reason=given.get("reason"))


@people.post("/<uuid:user_id>/reactivate")
@allow(Permission.USER_MANAGE)
@people.response(200, UserOut)
def reactivate_user(user_id: UUID) -> Any:
    """Open somebody's account again."""
    with unit_of_work() as session:
        return users.reactivate(session, actor(), user_id)


@groups.get("")
@allow(Permission.LEAD_READ)
@groups.arguments(PageQuery)
@groups.response(200, page_of(TeamOut))
def list_teams(query: dict[str, Any]) -> Page:
    """List the clinic's teams.

    By name.
    """
    with reading() as session:
        return teams.list_teams(session, actor(), query)


@groups.post("")
@allow(Permission.USER_MANAGE)
@groups.arguments(TeamIn)
@groups.response(201, TeamOut)
@groups.alt_response(409, "CONFLICT")
def create_team(given: dict[str, Any]) -> Any:
    """Add a team.

    A manager of it sees what is assigned to its people.
    """
    with unit_of_work() as session:
        return teams.create_team(session, actor(), given)


@groups.put("/<uuid:team_id>")
@allow(Permission.USER_MANAGE)
@groups.arguments(TeamIn)
@groups.response(200, TeamOut)
@groups.alt_response(409, "CONFLICT")
@if_match
def update_team(given: dict[str, Any], team_id: UUID, seen: Seen) -> Any:
    """Rename a team."""
    with unit_of_work() as session:
        return teams.update_team(session, actor(), team_id, given, seen=seen)


@groups.delete("/<uuid:team_id>")
@allow(Permission.USER_MANAGE)
@groups.response(204)
@groups.alt_response(409, "CONFLICT")
@if_match
def delete_team(team_id: UUID, seen: Seen) -> None:
    """Remove a team.

    Its people need to be in another, or in none, first.
    """
    with unit_of_work() as session:
        teams.delete_team(session, actor(), team_id, seen=seen)


@rights.get("")
@allow(Permission.LEAD_READ)
@rights.response(200, RolesOut)
def list_roles() -> dict[str, Any]:
    """List the roles.

    Those that every clinic has, and this one's own, with what each may do and with whose leads.
    """
    with reading() as session:
        return {"items": custom_roles.list_roles(session, actor())}


@rights.post("")
@allow(Permission.USER_MANAGE)
@rights.arguments(RoleIn)
@rights.response(201, RoleOut)
@rights.alt_response(409, "CONFLICT")
def create_role(given: dict[str, Any]) -> Any:
    """Add a role.

    It can do nothing that whoever adds it cannot.
    """
    with unit_of_work() as session:
        return custom_roles.create_role(session, actor(), given)


@rights.put("/<uuid:role_id>")
@allow(Permission.USER_MANAGE)
@rights.arguments(RoleChanges)
@rights.response(200, RoleOut)
@rights.alt_response(409, "CONFLICT")
@if_match
def update_role(given: dict[str, Any], role_id: UUID, seen: Seen) -> Any:
    """Change a role of the clinic's own.

    It counts from the next call of whoever has it.
    """
    with unit_of_work() as session:
        return custom_roles.update_role(session, actor(), role_id, given, seen=seen)


@rights.delete("/<uuid:role_id>")
@allow(Permission.USER_MANAGE)
@rights.response(204)
@rights.alt_response(409, "CONFLICT")
@if_match
def delete_role(role_id: UUID, seen: Seen) -> None:
    """Remove a role of the clinic's own.

    Nobody may have it any more.
    """
    with unit_of_work() as session:
        custom_roles.delete_role(session, actor(), role_id, seen=seen)
