"""Routes for users, teams and roles."""

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
    UserIn,
    UserOut,
    UserQuery,
)
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.identity.users import custom_roles, teams, users
from app.tasks.workload.offboarding import deactivate_and_hand_over
from app.tasks.workload.reassign import check_departure

people = Blueprint("users", __name__, url_prefix="/api/users", description="Users of the clinic.")
groups = Blueprint("teams", __name__, url_prefix="/api/teams", description="Teams of users.")
rights = Blueprint("roles", __name__, url_prefix="/api/roles", description="Built-in and custom roles.")
blueprints = (people, groups, rights)


@people.get("")
@allow(Permission.LEAD_READ)
@people.arguments(UserQuery)
@people.response(200, page_of(UserOut))
def list_users(query: JsonDict) -> Page:
    """List the users of the clinic.

    Sorted by name. Leads and tasks can be assigned to these users. An API key needs `lead:assign` or `user:manage` too.
    """
    with reading() as session:
        return users.list_users(session, actor(), query)


@people.post("")
@allow(Permission.USER_MANAGE)
@people.arguments(Invitation, lookups=users.check_user)
@people.response(201, UserOut)
@people.alt_response(409, "CONFLICT")
def invite_user(given: JsonDict) -> object:
    """Invite a user.

    The user gets an e-mail with a link to choose a password, valid for seven days. You cannot grant a role with
    permissions that you do not have.
    """
    with unit_of_work() as session:
        return users.invite(session, actor(), given)


@people.get("/<uuid:user_id>")
@allow(Permission.LEAD_READ)
@people.response(200, UserOut)
def get_user(user_id: UUID) -> object:
    """Show a user.

    An API key needs `lead:assign` or `user:manage` too.
    """
    with reading() as session:
        return users.get_user(session, actor(), user_id)


@people.put("/<uuid:user_id>")
@allow(Permission.USER_MANAGE)
@people.arguments(UserIn, lookups=users.check_user)
@people.response(200, UserOut)
@people.alt_response(409, "CONFLICT")
@if_match
def update_user(given: JsonDict, user_id: UUID, seen: SeenVersions) -> object:
    """Replace a user.

    Without `team_id` the user leaves the team. The e-mail address stays. The rules of PATCH apply.
    """
    with unit_of_work() as session:
        return users.update_user(session, actor(), user_id, given, seen=seen)


@people.patch("/<uuid:user_id>")
@allow(Permission.USER_MANAGE)
@people.arguments(UserChanges, lookups=users.check_user)
@people.response(200, UserOut)
@people.alt_response(409, "CONFLICT")
@if_match
def edit_user(given: JsonDict, user_id: UUID, seen: SeenVersions) -> object:
    """Edit a user.

    Given fields are replaced; others stay unchanged. A new role takes effect with the user's next call. You cannot
    change your own role. The clinic must keep at least one user who can manage users.
    """
    with unit_of_work() as session:
        return users.update_user(session, actor(), user_id, given, seen=seen)


@people.post("/<uuid:user_id>/invite")
@allow(Permission.USER_MANAGE)
@people.response(200, UserOut)
@people.alt_response(409, "CONFLICT")
def invite_again(user_id: UUID) -> object:
    """Send the invitation e-mail again.

    Only for a user who has not chosen a password yet.
    """
    with unit_of_work() as session:
        return users.invite_again(session, actor(), user_id)


@people.post("/<uuid:user_id>/deactivate")
@allow(Permission.USER_MANAGE)
@people.arguments(Departure, lookups=check_departure, required=False)
@people.response(200, UserOut)
@people.alt_response(409, "CONFLICT")
def deactivate_user(given: JsonDict, user_id: UUID) -> object:
    """Deactivate a user.

    The user's sign-ins and API keys are revoked at once. Open leads and tasks go to the users in `to_ids`, by workload;
    without `to_ids` the assignment rules decide.
    """
    with unit_of_work() as session:
        return deactivate_and_hand_over(session, actor(), user_id, to=given.get("to_ids"), reason=given.get("reason"))


@people.post("/<uuid:user_id>/reactivate")
@allow(Permission.USER_MANAGE)
@people.response(200, UserOut)
def reactivate_user(user_id: UUID) -> object:
    """Reactivate a user."""
    with unit_of_work() as session:
        return users.reactivate(session, actor(), user_id)


@groups.get("")
@allow(Permission.LEAD_READ)
@groups.arguments(PageQuery)
@groups.response(200, page_of(TeamOut))
def list_teams(query: JsonDict) -> Page:
    """List the teams of the clinic.

    Sorted by name.
    """
    with reading() as session:
        return teams.list_teams(session, actor(), query)


@groups.post("")
@allow(Permission.USER_MANAGE)
@groups.arguments(TeamIn)
@groups.response(201, TeamOut)
@groups.alt_response(409, "CONFLICT")
def create_team(given: JsonDict) -> object:
    """Create a team.

    Managers in the team see the leads assigned to its members.
    """
    with unit_of_work() as session:
        return teams.create_team(session, actor(), given)


@groups.get("/<uuid:team_id>")
@allow(Permission.LEAD_READ)
@groups.response(200, TeamOut)
def get_team(team_id: UUID) -> object:
    """Show a team."""
    with reading() as session:
        return teams.read_team(session, actor(), team_id)


@groups.put("/<uuid:team_id>")
@allow(Permission.USER_MANAGE)
@groups.arguments(TeamIn)
@groups.response(200, TeamOut)
@groups.alt_response(409, "CONFLICT")
@if_match
def update_team(given: JsonDict, team_id: UUID, seen: SeenVersions) -> object:
    """Rename a team."""
    with unit_of_work() as session:
        return teams.update_team(session, actor(), team_id, given, seen=seen)


@groups.patch("/<uuid:team_id>")
@allow(Permission.USER_MANAGE)
@groups.merge_patch(TeamIn, TeamOut)
@groups.response(200, TeamOut)
@groups.alt_response(409, "CONFLICT")
@if_match
def edit_team(patch: MergePatch, team_id: UUID, seen: SeenVersions) -> object:
    """Edit a team.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, teams.read_team(session, actor(), team_id), seen)
        return teams.update_team(session, actor(), team_id, given, seen=seen)


@groups.delete("/<uuid:team_id>")
@allow(Permission.USER_MANAGE)
@groups.response(204)
@groups.alt_response(409, "CONFLICT")
@if_match
def delete_team(team_id: UUID, seen: SeenVersions) -> None:
    """Delete a team.

    The team must not have members.
    """
    with unit_of_work() as session:
        teams.delete_team(session, actor(), team_id, seen=seen)


@rights.get("")
@allow(Permission.LEAD_READ)
@rights.response(200, RolesOut)
def list_roles() -> JsonDict:
    """List the roles.

    Built-in and custom roles, with their permissions and scopes.
    """
    with reading() as session:
        return {"items": custom_roles.list_roles(session, actor())}


@rights.post("")
@allow(Permission.USER_MANAGE)
@rights.arguments(RoleIn, lookups=custom_roles.check_role)
@rights.response(201, RoleOut)
@rights.alt_response(409, "CONFLICT")
def create_role(given: JsonDict) -> object:
    """Create a custom role.

    You can only grant permissions that you hold.
    """
    with unit_of_work() as session:
        return custom_roles.create_role(session, actor(), given)


@rights.get("/<uuid:role_id>")
@allow(Permission.LEAD_READ)
@rights.response(200, RoleOut)
def get_role(role_id: UUID) -> object:
    """Show a custom role."""
    with reading() as session:
        return custom_roles.read_role(session, actor(), role_id)


@rights.put("/<uuid:role_id>")
@allow(Permission.USER_MANAGE)
@rights.arguments(RoleChanges, lookups=custom_roles.check_role)
@rights.response(200, RoleOut)
@rights.alt_response(409, "CONFLICT")
@if_match
def update_role(given: JsonDict, role_id: UUID, seen: SeenVersions) -> object:
    """Replace a custom role.

    The change takes effect with the next call of its users.
    """
    with unit_of_work() as session:
        return custom_roles.update_role(session, actor(), role_id, given, seen=seen)


@rights.patch("/<uuid:role_id>")
@allow(Permission.USER_MANAGE)
@rights.merge_patch(RoleChanges, RoleOut, lookups=custom_roles.check_role)
@rights.response(200, RoleOut)
@rights.alt_response(409, "CONFLICT")
@if_match
def edit_role(patch: MergePatch, role_id: UUID, seen: SeenVersions) -> object:
    """Edit a custom role.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, custom_roles.read_role(session, actor(), role_id), seen)
        return custom_roles.update_role(session, actor(), role_id, given, seen=seen)


@rights.delete("/<uuid:role_id>")
@allow(Permission.USER_MANAGE)
@rights.response(204)
@rights.alt_response(409, "CONFLICT")
@if_match
def delete_role(role_id: UUID, seen: SeenVersions) -> None:
    """Delete a custom role.

    No user may have the role.
    """
    with unit_of_work() as session:
        custom_roles.delete_role(session, actor(), role_id, seen=seen)
