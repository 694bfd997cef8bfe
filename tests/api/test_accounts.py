"""Users, teams and roles of a clinic: permissions, and the last user manager."""

from typing import Any

import pytest

from app.identity.models import Role
from tests.support.concurrency import run_concurrently
from tests.support.desk import Answer, Caller, Desk

pytest_plugins = ["tests.support.desk"]


def invite(caller: Caller, email: str = "nina@clinic.example", **more: Any) -> Answer:
    return caller.post("/api/users", {"email": email, "name": "Nina", "role": "sales", **more})


def own_role(desk: Desk, **grants: str) -> dict[str, Any]:
    named = {name.replace("_", ":"): scope for name, scope in grants.items()}
    answer = desk.admin.post("/api/roles", {"slug": "night_desk", "name": "Night desk", "grants": named})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


def give(desk: Desk, who: Caller, role: str) -> Answer:
    return desk.admin.patch(f"/api/users/{who.id}", {"role": role})


# --- people ---


def test_invited_user_exists_without_a_password(desk: Desk):
    team = desk.admin.post("/api/teams", {"name": "North"}).body
    made = invite(desk.admin, team_id=team["id"])
    assert made.status == 201, made.body
    shown = desk.admin.get(f"/api/users/{made.body['id']}").body
    assert {name: shown[name] for name in ("email", "name", "role", "team_id", "is_active", "has_password")} == {
        "email": "nina@clinic.example",
        "name": "Nina",
        "role": "sales",
        "team_id": team["id"],
        "is_active": True,
        "has_password": False,
    }


@pytest.mark.parametrize(
    ("changed", "pointers"),
    [
        ({"role": "owner"}, ["/role"]),
        ({"email": "nobody"}, ["/email"]),
        ({"name": ""}, ["/name"]),
        ({"team_id": "018f0000-0000-7000-8000-000000000000"}, ["/team_id"]),
        ({"clinic_id": "018f0000-0000-7000-8000-000000000000"}, ["/clinic_id"]),
        ({"is_active": False}, ["/is_active"]),
        ({"password_hash": "x"}, ["/password_hash"]),
    ],
    ids=str,
)
def test_invalid_invitation_is_refused_completely(desk: Desk, changed: dict[str, Any], pointers: list[str]):
    assert invite(desk.admin, **changed).pointers == pointers
    assert [user for user in desk.admin.every("/api/users") if user["name"] == "Nina"] == []


def test_team_of_another_clinic_is_unknown(desk: Desk, other_desk: Desk):
    theirs = other_desk.admin.post("/api/teams", {"name": "North"}).body["id"]
    assert invite(desk.admin, team_id=theirs).pointers == ["/team_id"]
    assert desk.admin.patch(f"/api/users/{desk.doctor.id}", {"team_id": theirs}).pointers == ["/team_id"]


def test_email_is_unique_in_a_clinic(desk: Desk, other_desk: Desk):
    invite(desk.admin)
    assert invite(desk.admin, "NINA@clinic.example").status == 409
    assert invite(other_desk.admin).status == 201


def test_user_list_can_be_filtered(desk: Desk):
    desk.coordinator, desk.doctor, desk.admin  # noqa: B018  (hired when first asked for)
    assert [user["id"] for user in desk.admin.every("/api/users", role="doctor")] == [desk.doctor.id]
    desk.admin.post(f"/api/users/{desk.doctor.id}/deactivate")
    assert [user["id"] for user in desk.admin.every("/api/users", is_active="false")] == [desk.doctor.id]


def test_new_role_applies_to_the_next_call(desk: Desk):
    assert desk.doctor.post("/api/leads", desk.lead_data()).status == 403
    assert give(desk, desk.doctor, "front_desk").status == 200
    assert desk.doctor.post("/api/leads", desk.lead_data()).status == 201


def test_edit_of_a_changed_user_is_refused(desk: Desk):
    seen = desk.admin.get(f"/api/users/{desk.doctor.id}").headers["ETag"]
    assert desk.admin.patch(f"/api/users/{desk.doctor.id}", {"name": "A"}, seen=seen).status == 200
    assert desk.admin.patch(f"/api/users/{desk.doctor.id}", {"name": "B"}, seen=seen).status == 412
    assert desk.admin.patch(f"/api/users/{desk.doctor.id}", {"name": "B"}, seen=None).status == 428


def test_deactivated_user_and_their_keys_lose_access_at_once(desk: Desk):
    leaver = desk.hire(Role.CLINIC_ADMIN)
    key = leaver.post("/api/api-keys", {"name": "Robot", "scopes": ["lead:read"]}).body["key"]
    robot = Caller(desk.client(), key, leaver.actor)
    assert (leaver.get("/api/me").status, robot.get("/api/leads").status) == (200, 200)
    assert desk.admin.post(f"/api/users/{leaver.id}/deactivate").body["is_active"] is False
    assert (leaver.get("/api/me").status, robot.get("/api/leads").status) == (401, 401)
    assert desk.admin.post(f"/api/users/{leaver.id}/reactivate").body["is_active"] is True
    assert leaver.get("/api/me").status == 401  # the sign-in of before stays ended


def test_deactivation_hands_over_work_in_the_same_call(desk: Desk):
    leaver, ben = desk.hire(Role.TREATMENT_COORDINATOR), desk.hire(Role.TREATMENT_COORDINATOR)
    lead = desk.capture(assigned_to_id=leaver.id)
    task = desk.plan(lead)
    refused = desk.admin.post(f"/api/users/{leaver.id}/deactivate", {"to_ids": [leaver.id]})
    assert refused.pointers == ["/to_ids/0"]
    assert leaver.get("/api/me").status == 200  # all of it, or nothing
    assert desk.admin.post(f"/api/users/{leaver.id}/deactivate", {"to_ids": [ben.id]}).status == 200
    assert desk.lead(lead)["assigned_to_id"] == ben.id
    assert desk.admin.get(f"/api/leads/tasks/{task['id']}").body["assigned_to_id"] == ben.id
    [*_, last] = sorted(desk.admin.every(f"/api/leads/{lead['id']}/assignments"), key=lambda entry: entry["at"])
    assert (last["why"], last["to_id"]) == ("deactivation", ben.id)


def test_users_cannot_deactivate_or_change_themselves(desk: Desk):
    desk.hire(Role.CLINIC_ADMIN)
    assert desk.admin.post(f"/api/users/{desk.admin.id}/deactivate").status == 409
    assert give(desk, desk.admin, "doctor").status == 409
    assert desk.admin.patch(f"/api/users/{desk.admin.id}", {"name": "Somebody else"}).status == 200


def test_second_of_two_mutual_deactivations_is_refused(desk: Desk):
    one, other = desk.admin, desk.hire(Role.CLINIC_ADMIN)
    answers = run_concurrently(
        lambda: one.post(f"/api/users/{other.id}/deactivate").status,
        lambda: other.post(f"/api/users/{one.id}/deactivate").status,
    )
    assert sorted(answers) in ([200, 401], [200, 409])  # it came after the other, or waited for it


# --- no grant beyond the caller's own permissions ---


def test_key_that_manages_users_cannot_create_admins(desk: Desk):
    robot = desk.program("user:manage")
    assert invite(robot, role="clinic_admin").status == 403
    assert invite(robot, role="sales").status == 403
    powers = {"user:manage": "all", "lead:read": "all"}
    assert robot.post("/api/roles", {"slug": "x", "name": "x", "grants": powers}).status == 403


def test_caller_with_scope_team_cannot_grant_a_wider_scope(desk: Desk):
    own_role(desk, user_manage="all", lead_read="team", lead_update="assigned")
    lesser = desk.hire(Role.DOCTOR)
    give(desk, lesser, "night_desk")
    wide = {"slug": "x", "name": "x", "grants": {"lead:read": "all"}}
    narrow = {"slug": "y", "name": "y", "grants": {"lead:read": "team", "lead:update": "assigned"}}
    assert (lesser.post("/api/roles", wide).status, lesser.post("/api/roles", narrow).status) == (403, 201)
    assert lesser.post(f"/api/users/{desk.admin.id}/deactivate").status == 403
    assert lesser.patch(f"/api/users/{desk.admin.id}", {"role": "night_desk"}).status == 403


def test_last_user_manager_cannot_be_removed(desk: Desk):
    role = own_role(desk, user_manage="all", lead_read="all")
    successor = desk.hire(Role.DOCTOR)
    give(desk, successor, "night_desk")
    assert successor.get("/api/api-keys").status == 200
    assert desk.admin.put(f"/api/roles/{role['id']}", {"name": "x", "grants": {}}).status == 200
    assert give(desk, successor, "clinic_admin").status == 200
    assert successor.patch(f"/api/users/{desk.admin.id}", {"role": "doctor"}).status == 200
    assert successor.patch(f"/api/users/{successor.id}", {"role": "doctor"}).status == 409


# --- roles and teams ---


def test_custom_role_has_its_permissions(desk: Desk):
    role = own_role(desk, lead_read="all")
    somebody = desk.hire(Role.FRONT_DESK)
    give(desk, somebody, "night_desk")
    assert (somebody.get("/api/leads").status, somebody.post("/api/leads", desk.lead_data()).status) == (200, 403)
    desk.admin.put(f"/api/roles/{role['id']}", {"name": "x", "grants": {"lead:read": "all", "lead:create": "all"}})
    assert somebody.post("/api/leads", desk.lead_data()).status == 201
    assert somebody.get("/api/me").body["scopes"] == {"lead:read": "all", "lead:create": "all"}


def test_roles_of_two_clinics_may_share_a_name(desk: Desk, other_desk: Desk):
    own_role(desk, lead_read="all")
    other_desk.admin.post("/api/roles", {"slug": "night_desk", "name": "x", "grants": {"lead:configure": "all"}})
    somebody = other_desk.hire(Role.DOCTOR)
    assert give(other_desk, somebody, "night_desk").status == 200
    assert somebody.get("/api/me").body["permissions"] == ["lead:configure"]


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ({"slug": "sales", "name": "x", "grants": {}}, 409),
        ({"slug": "night_desk", "name": "x", "grants": {}}, 409),
        ({"slug": "Night desk", "name": "x", "grants": {}}, 422),
        ({"slug": "x", "name": "x", "grants": {"lead:fly": "all"}}, 422),
        ({"slug": "x", "name": "x", "grants": {"lead:read": "mine"}}, 422),
        ({"slug": "x", "name": "x", "grants": {"user:manage": "team"}}, 422),
        ({"slug": "x", "name": "x", "grants": []}, 422),
    ],
    ids=str,
)
def test_invalid_role_is_refused(desk: Desk, role: dict[str, Any], expected: int):
    own_role(desk)
    assert desk.admin.post("/api/roles", role).status == expected


def test_role_or_team_in_use_cannot_be_deleted(desk: Desk):
    role, team = own_role(desk, lead_read="all"), desk.admin.post("/api/teams", {"name": "North"}).body
    places = [f"/api/roles/{role['id']}", f"/api/teams/{team['id']}"]
    desk.admin.patch(f"/api/users/{desk.doctor.id}", {"role": "night_desk", "team_id": team["id"]})
    assert [desk.admin.delete(place).status for place in places] == [409, 409]
    desk.admin.patch(f"/api/users/{desk.doctor.id}", {"role": "doctor", "team_id": None})
    assert [desk.admin.delete(place).status for place in places] == [204, 204]
    assert [role["slug"] for role in desk.admin.get("/api/roles").body["items"]] == [role.value for role in Role]


def test_team_name_is_unique_in_a_clinic(desk: Desk, other_desk: Desk):
    north, south = (desk.admin.post("/api/teams", {"name": name}).body for name in ("North", "South"))
    assert desk.admin.post("/api/teams", {"name": "North"}).status == 409
    assert desk.admin.put(f"/api/teams/{south['id']}", {"name": "North"}).status == 409
    assert other_desk.admin.post("/api/teams", {"name": "North"}).status == 201
    assert [team["name"] for team in desk.admin.every("/api/teams")] == ["North", "South"]
    assert desk.admin.put(f"/api/teams/{north['id']}", {"name": "Up"}).body["version"] == 2


LESSER = {"user:manage": "all", "lead:read": "all"}
STRONGER = {"slug": "stronger", "name": "Stronger", "grants": {"user:manage": "all", "audit:read": "all"}}


def lesser_manager(desk: Desk) -> Caller:
    """Return a user who manages users, and has fewer permissions than the admin."""
    assert desk.admin.post("/api/roles", {"slug": "lesser", "name": "Lesser", "grants": LESSER}).status == 201
    lesser = desk.hire(Role.SALES)
    assert desk.admin.patch(f"/api/users/{lesser.id}", {"role": "lesser"}).status == 200
    return lesser


def test_stronger_role_cannot_be_deleted(desk: Desk):
    lesser = lesser_manager(desk)
    role = desk.admin.post("/api/roles", STRONGER).body
    assert lesser.delete(f"/api/roles/{role['id']}").status == 403
    assert desk.admin.delete(f"/api/roles/{role['id']}").status == 204


def test_keys_of_stronger_users_cannot_be_revoked(desk: Desk):
    lesser = lesser_manager(desk)
    key = desk.admin.post("/api/api-keys", {"name": "Website", "scopes": ["lead:read"]}).body
    own = lesser.post("/api/api-keys", {"name": "Phone", "scopes": ["lead:read"]}).body
    assert lesser.delete(f"/api/api-keys/{key['id']}").status == 403
    assert lesser.delete(f"/api/api-keys/{own['id']}").status == 204
    assert desk.admin.delete(f"/api/api-keys/{key['id']}").status == 204


def test_invitation_of_a_stronger_user_cannot_be_sent_again(desk: Desk):
    lesser = lesser_manager(desk)
    invited = desk.admin.post("/api/users", {"email": "b@clinic.example", "name": "B", "role": "clinic_admin"}).body
    assert lesser.post(f"/api/users/{invited['id']}/invite").status == 403
