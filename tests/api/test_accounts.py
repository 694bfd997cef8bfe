"""The clinic's people, teams and roles: who may let whom in, and that somebody always can."""

from typing import Any

import pytest

from app.identity.models import Role
from tests.support.desk import Answer, Caller, Desk
from tests.support.together import together

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
    return desk.admin.put(f"/api/users/{who.id}", {"role": role})


# --- people ---


def test_who_is_invited_is_there_and_has_no_password_yet(desk: Desk):
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
def test_an_invitation_with_a_mistake_is_refused_whole(desk: Desk, changed: dict[str, Any], pointers: list[str]):
    assert invite(desk.admin, **changed).pointers == pointers
    assert [user for user in desk.admin.every("/api/users") if user["name"] == "Nina"] == []


def test_another_clinics_team_is_no_team(desk: Desk, other_desk: Desk):
    theirs = other_desk.admin.post("/api/teams", {"name": "North"}).body["id"]
    assert invite(desk.admin, team_id=theirs).pointers == ["/team_id"]
    assert desk.admin.put(f"/api/users/{desk.doctor.id}", {"team_id": theirs}).pointers == ["/team_id"]


def test_an_address_has_one_account_whatever_its_case_and_clinic(desk: Desk, other_desk: Desk):
    invite(desk.admin)
    assert invite(desk.admin, "NINA@clinic.example").status == 409
    assert invite(other_desk.admin).status == 409


def test_the_list_can_be_narrowed(desk: Desk):
    desk.coordinator, desk.doctor, desk.admin  # noqa: B018  (hired when first asked for)
    assert [user["id"] for user in desk.admin.every("/api/users", role="doctor")] == [desk.doctor.id]
    desk.admin.post(f"/api/users/{desk.doctor.id}/deactivate")
    assert [user["id"] for user in desk.admin.every("/api/users", is_active="false")] == [desk.doctor.id]


def test_a_new_role_counts_from_the_next_call(desk: Desk):
    assert desk.doctor.post("/api/leads", desk.lead_data()).status == 403
    assert give(desk, desk.doctor, "front_desk").status == 200
    assert desk.doctor.post("/api/leads", desk.lead_data()).status == 201


def test_an_edit_of_what_has_changed_meanwhile_is_refused(desk: Desk):
    seen = desk.admin.get(f"/api/users/{desk.doctor.id}").headers["ETag"]
    assert desk.admin.put(f"/api/users/{desk.doctor.id}", {"name": "A"}, seen=seen).status == 200
    assert desk.admin.put(f"/api/users/{desk.doctor.id}", {"name": "B"}, seen=seen).status == 412
    assert desk.admin.put(f"/api/users/{desk.doctor.id}", {"name": "B"}, seen=None).status == 428


def test_who_leaves_is_out_at_once_with_every_key(desk: Desk):
    leaver = desk.hire(Role.CLINIC_ADMIN)
    key = leaver.post("/api/api-keys", {"name": "Robot", "scopes": ["lead:read"]}).body["key"]
    robot = Caller(desk.client(), key, leaver.actor)
    assert (leaver.get("/api/me").status, robot.get("/api/leads").status) == (200, 200)
    assert desk.admin.post(f"/api/users/{leaver.id}/deactivate").body["is_active"] is False
    assert (leaver.get("/api/me").status, robot.get("/api/leads").status) == (401, 401)
    assert desk.admin.post(f"/api/users/{leaver.id}/reactivate").body["is_active"] is True
    assert leaver.get("/api/me").status == 401  # the sign-in of before stays ended


def test_what_a_leaver_had_goes_to_others_in_the_same_call(desk: Desk):
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


def test_nobody_closes_or_changes_their_own_account(desk: Desk):
    desk.hire(Role.CLINIC_ADMIN)
    assert desk.admin.post(f"/api/users/{desk.admin.id}/deactivate").status == 409
    assert give(desk, desk.admin, "doctor").status == 409
    assert desk.admin.put(f"/api/users/{desk.admin.id}", {"name": "Somebody else"}).status == 200


def test_of_two_admins_who_close_each_others_accounts_one_is_too_late(desk: Desk):
    one, other = desk.admin, desk.hire(Role.CLINIC_ADMIN)
    answers = together(
        lambda: one.post(f"/api/users/{other.id}/deactivate").status,
        lambda: other.post(f"/api/users/{one.id}/deactivate").status,
    )
    assert sorted(answers) in ([200, 401], [200, 409])  # it came after the other, or waited for it


# --- nobody gives what they have not ---


def test_a_key_that_manages_users_lets_no_admin_in(desk: Desk):
    robot = desk.program("user:manage")
    assert invite(robot, role="clinic_admin").status == 403
    assert invite(robot, role="sales").status == 403
    powers = {"user:manage": "all", "lead:read": "all"}
    assert robot.post("/api/roles", {"slug": "x", "name": "x", "grants": powers}).status == 403


def test_who_sees_a_team_hands_out_no_more(desk: Desk):
    own_role(desk, user_manage="all", lead_read="team", lead_update="assigned")
    lesser = desk.hire(Role.DOCTOR)
    give(desk, lesser, "night_desk")
    wide = {"slug": "x", "name": "x", "grants": {"lead:read": "all"}}
    narrow = {"slug": "y", "name": "y", "grants": {"lead:read": "team", "lead:update": "assigned"}}
    assert (lesser.post("/api/roles", wide).status, lesser.post("/api/roles", narrow).status) == (403, 201)
    assert lesser.post(f"/api/users/{desk.admin.id}/deactivate").status == 403
    assert lesser.put(f"/api/users/{desk.admin.id}", {"role": "night_desk"}).status == 403


def test_the_last_who_may_manage_users_keeps_it(desk: Desk):
    role = own_role(desk, user_manage="all", lead_read="all")
    successor = desk.hire(Role.DOCTOR)
    give(desk, successor, "night_desk")
    assert successor.get("/api/api-keys").status == 200
    assert desk.admin.put(f"/api/roles/{role['id']}", {"name": "x", "grants": {}}).status == 200
    assert give(desk, successor, "clinic_admin").status == 200
    assert successor.put(f"/api/users/{desk.admin.id}", {"role": "doctor"}).status == 200
    assert successor.put(f"/api/users/{successor.id}", {"role": "doctor"}).status == 409


# --- roles and teams ---


def test_a_role_of_the_clinics_own_may_what_it_says(desk: Desk):
    role = own_role(desk, lead_read="all")
    somebody = desk.hire(Role.FRONT_DESK)
    give(desk, somebody, "night_desk")
    assert (somebody.get("/api/leads").status, somebody.post("/api/leads", desk.lead_data()).status) == (200, 403)
    desk.admin.put(f"/api/roles/{role['id']}", {"name": "x", "grants": {"lead:read": "all", "lead:create": "all"}})
    assert somebody.post("/api/leads", desk.lead_data()).status == 201
    assert somebody.get("/api/me").body["scopes"] == {"lead:read": "all", "lead:create": "all"}


def test_another_clinics_role_of_the_same_name_is_another_role(desk: Desk, other_desk: Desk):
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
def test_a_role_that_cannot_be_is_refused(desk: Desk, role: dict[str, Any], expected: int):
    own_role(desk)
    assert desk.admin.post("/api/roles", role).status == expected


def test_a_role_or_team_that_people_have_stays(desk: Desk):
    role, team = own_role(desk, lead_read="all"), desk.admin.post("/api/teams", {"name": "North"}).body
    places = [f"/api/roles/{role['id']}", f"/api/teams/{team['id']}"]
    desk.admin.put(f"/api/users/{desk.doctor.id}", {"role": "night_desk", "team_id": team["id"]})
    assert [desk.admin.delete(place).status for place in places] == [409, 409]
    desk.admin.put(f"/api/users/{desk.doctor.id}", {"role": "doctor", "team_id": None})
    assert [desk.admin.delete(place).status for place in places] == [204, 204]
    assert [role["slug"] for role in desk.admin.get("/api/roles").body["items"]] == [role.value for role in Role]


def test_two_teams_of_a_clinic_have_two_names(desk: Desk, other_desk: Desk):
    north, south = (desk.admin.post("/api/teams", {"name": name}).body for name in ("North", "South"))
    assert desk.admin.post("/api/teams", {"name": "North"}).status == 409
    assert desk.admin.put(f"/api/teams/{south['id']}", {"name": "North"}).status == 409
    assert other_desk.admin.post("/api/teams", {"name": "North"}).status == 201
    assert [team["name"] for team in desk.admin.every("/api/teams")] == ["North", "South"]
    assert desk.admin.put(f"/api/teams/{north['id']}", {"name": "Up"}).body["version"] == 2
